"""The texts and questions of the lessons."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        number: number of the lesson, counted from 1; links contain it.
        title: title of two to four words.
        claim: the claim about networks that the lesson is about.
        words: paragraphs with an explanation, and with what the reader can try.
        question: the question that the reader can answer after the experiment.
        method: how the answer to the question is measured.
    """

    number: int
    title: str
    claim: str
    words: tuple[str, ...]
    question: str
    method: str

    @property
    def name(self) -> str:
        """No name: the question of a lesson itself is not named, unlike those of its beliefs."""
        return ""


@dataclass(frozen=True)
class Belief:
    """Something that people often believe wrongly, with a question that shows what is true.

    Attributes:
        name: a word that names the belief in widgets' keys and files.
        lesson: number of the lesson to which it belongs.
        belief: what people believe, in a sentence.
        words: what is true instead, and what the reader can try.
        question, method: as for a lesson.
    """

    name: str
    lesson: int
    belief: str
    words: str
    question: str
    method: str


LESSONS = (
    Lesson(
        1,
        "Lines, then things",
        "Each layer recognises more complex things: first lines and colours, then simple textures, "
        "then parts, at last whole objects.",
        (
            "Cut a picture into squares and shuffle them. All its lines, colours and textures are "
            "still there; the things in it are not. In a layer of lines alone, hardly anything "
            "should change.",
            "Under each picture are the neurons that respond to it more than to most pictures. "
            "The slider has the layers in order, each with its short name, from the picture to the "
            "answer. Move it to a deeper layer, and see where the two rows begin to differ.",
        ),
        "Shuffling changes the activations, and showing a different picture does, too. From which "
        "layer on is the first change at least half as large as the second?",
        "The activations of each neuron are averaged over the picture. Measured is how much these "
        "averages change when the squares are shuffled, as a share of how much they differ between "
        "two pictures: the mean over eight samples and 24 drawings, each shuffled four times.",
    ),
    Lesson(
        2,
        "Ask a neuron",
        "Show it pictures, and see which excite it most: a neuron of the first layer responds to a "
        "colour or to a line of one angle, a later one to stripes or rings.",
        (
            "The left square shows nine crops: the nine places, in 720 drawings, that excite one "
            "neuron most, each cut to the part that the neuron sees. Zeiler and Fergus looked into "
            "networks in this way in 2014. The right square was computed for the same neuron.",
            "Look at several neurons of a layer, then go deeper. What do the nine have in common?",
        ),
        "In the deepest layer, how many of a neuron's nine drawings show the same kind of thing?",
        "Every drawing belongs to one of 72 classes. Counted is how many of a neuron's nine belong "
        "to the class that is most frequent among them; the result is the mean over all neurons of "
        "the layer. Nine drawings taken at random agree a little, too.",
    ),
    Lesson(
        3,
        "Content",
        "The content of a picture is how strongly each neuron of a layer responds at each place. "
        "Two pictures have the same content if these responses are nearly equal.",
        (
            "The second picture began as noise. Step by step it was changed until one layer "
            "had nearly the same activations for it as for the first picture. So it shows what "
            "this layer records; whatever it does not record came out at random.",
            "The shallowest layer loses almost nothing. Now go deeper: what is lost first?",
        ),
        "Which is the first layer that keeps less than two thirds of the picture's edges?",
        "Edges are the tenth of all pixels where the brightness changes most. An edge is kept if "
        "the second picture has one there, or one pixel beside; the share that two unrelated "
        "pictures have in common by chance is subtracted.",
    ),
    Lesson(
        4,
        "Style",
        "Style is which neurons respond together: in one painting the neurons of edges and of "
        "swirls respond at the same places, in another one they do not.",
        (
            "Below each painting is its Gram matrix at one layer. It has a row and a column for "
            "each neuron, and is bright where two neurons respond at the same places: always on "
            "the diagonal, where a neuron is compared with itself. Both have the neurons in the "
            "same order, so you can compare them.",
            "Choose a layer and two paintings, and look for blocks that are bright in one of the "
            "matrices only. The third matrix, further down, shows where they differ.",
        ),
        "Five paintings are cut into halves, and mixed. What finds the other half of each more "
        "often: comparing which neurons respond where, or which respond together?",
        "Each of the five paintings is cut into a left and a right half. For each half the most "
        "similar one of the other nine is found: once by the activations at each place, once by "
        "the Gram matrix, with the cosine similarity. The chart shows how often it is right.",
    ),
    Lesson(
        5,
        "Both at once",
        "Style transfer makes a third picture that does as well as possible by both measures: the "
        "content of one, the style of another.",
        (
            "The photograph has exactly its own content, so its content loss is 0%; but it lacks "
            "the painting's style, so its style loss is 100%. For the painting it is the other way "
            "round, but for one or two per cent that come from its border. The third picture "
            "begins as the photograph, and is changed step by step until both losses together are "
            "small.",
            "The balance says how much the content loss counts. Move it both ways.",
        ),
        "Let content count ten times as much as usual. What happens to the style loss?",
        "Both losses of the finished picture, as shares: the style loss of the photograph and the "
        "content loss of the painting count as 100%.",
    ),
    Lesson(
        6,
        "The wrong layers",
        "Which layers the style is taken from is a choice, and some choices are wrong.",
        (
            "Here the style is taken from one layer only. A shallow layer brings colours and the "
            "finest marks, a middle one brings strokes and shapes. And a deep one?",
            "Try each of them. Which results do not look like the painting?",
        ),
        "Which layer brings most of the painting's style when it is used alone?",
        "The style loss is measured at five depths, not only at the layer that was used. 0% is "
        "the style of the photograph, 100% that of the painting; the result is the mean over the "
        "five depths.",
    ),
    Lesson(
        7,
        "The eyes of dreams",
        "Dreams are full of eyes. Perhaps because eyes are simple and frequent, so that layers of "
        "medium depth already have neurons for them.",
        (
            "A dream changes a picture so that one layer responds more strongly to it: what it "
            "responds to only weakly becomes clear. Some neurons of SketchNet have the label "
            "eye, so we can measure how much more they respond to the dream.",
            "Try a shallow and a deep layer: where do you see eyes?",
        ),
        "Which layer's dream has the most eyes?",
        "How many times as strongly the neurons with the label eye, iris or pupil respond to the "
        "dream as to the picture, compared with typical neurons of their layers. If SketchNet "
        "dreams, the layer that dreamt is left out.",
    ),
    Lesson(
        8,
        "Turn off the stripes",
        "Several neurons respond to the same pattern, so hardly any answer depends on one of them.",
        (
            "Some neurons respond to stripes more than to anything else. So turn them off, the one "
            "that responds most first. Does the network still see stripes?",
            "Beneath each drawing is the network's answer without those neurons: still the same, "
            "or another one. Begin with one, then move the slider. Watch the drawings without "
            "stripes, too: their answers should not need these neurons.",
        ),
        "How many of these neurons must be off before half of the striped drawings get another "
        "answer?",
        "Neurons are put in order by how much more they respond to striped drawings than to "
        "others: the difference of their mean activations, divided by the spread. Then they are "
        "turned off for 40 striped and 68 other drawings, which the order was not made from.",
    ),
    Lesson(
        9,
        "How a wheel is built",
        "A neuron is built from neurons before it: it adds up their activations. Some excite it, "
        "some inhibit it.",
        (
            "The neuron at the right responds to wheels more than any other of its layer. It does "
            "not read the picture: it reads the neurons of the layer before, each through a small "
            "table of weights, its kernel.",
            "Below it are the eight that count most for it. Choose one, and its connection is cut: "
            "how much weaker does the neuron respond to the wheels? Choose it again to undo that.",
        ),
        "Cut the strongest connection of this neuron. How much weaker does it respond to wheels?",
        "Only this connection is cut: the neuron is computed again without this input, which all "
        "other neurons go on reading. The result is the mean over 24 drawings of wheels. Predicted "
        "is the sum of the kernel times the mean activation of the input.",
    ),
)


BELIEFS = (
    Belief(
        "trained",
        2,
        "Neurons respond to things because the network is built that way.",
        "Before training, a network has the same layers and neurons, but random weights. "
        "Show the same 720 drawings to such a network: each of its neurons has its nine, too. "
        "After the measurement, the nine of the neuron that is chosen in the experiment are shown, "
        "with the trained and with random weights.",
        "In the deepest layer of the network with random weights, how many of a neuron's nine "
        "drawings show the same kind of thing?",
        "As for the question of the lesson, for the network as it is and with random weights.",
    ),
    Belief(
        "fool",
        2,
        "A neuron's picture shows how it sees real pictures.",
        "Geirhos and others showed in 2024 that it can fool: they built networks whose pictures "
        "show whatever was wanted, while real pictures take another way through the network. "
        "Choose the logits in the experiment, and some classes: what do both share?",
        "The picture of a class excites its class. In which layers is it processed like drawings "
        "of the class?",
        "Each class has a picture and nine drawings. Their mean activations are compared by cosine "
        "similarity. 100%: the picture is as similar to the drawings as these are to one another. "
        "0%: it is as similar as drawings of other classes. Half counts as alike.",
    ),
    Belief(
        "seed",
        3,
        "There is one right picture, and the computer finds it.",
        "The second picture begins with noise, and the seed decides which noise. Choose another "
        "seed in the experiment, first with a shallow layer, then with a deep one.",
        "Two seeds give two pictures. At which layer do they first have less than half of their "
        "edges in common?",
        "Both pictures are made from the activations of one layer, with seed 0 and seed 1. Edges "
        "in common are counted as in the lesson, without those in common by chance.",
    ),
    Belief(
        "places",
        4,
        "Style transfer pastes pieces of the painting into the picture.",
        "Choose shuffled in the experiment: the second painting is then the first one, cut into 64 "
        "squares in random order. Do the Gram matrices differ? Then choose a different painting.",
        "Put all places of a layer into a random order, the same for all neurons. How does that "
        "change the Gram matrix?",
        "The first painting's activations are shuffled, and compared with those of the painting "
        "itself: once by the Gram matrix, once place by place. 100% is the difference between the "
        "two paintings that are chosen in the experiment.",
    ),
    Belief(
        "learning",
        7,
        "The network learns while it dreams.",
        "Training and dreaming both take small steps that follow a gradient. But what do these "
        "steps change? Measure it, then choose another picture or layer, and measure again.",
        "How many of the network's weights change while it dreams?",
        "A small dream of the chosen layer is made, and all weights and pixels are compared before "
        "and after.",
    ),
    Belief(
        "data",
        7,
        "Dreams are full of dogs and eyes because networks prefer them.",
        "Many networks learned from ImageNet, where 118 of 1,000 classes are breeds of dogs; they "
        "dream of dogs. SketchNet has never seen a dog, only drawings of 72 classes. Choose a "
        "layer in the middle: what do you find in its dream?",
        "Which of these parts is in most of the drawings that SketchNet learned from?",
        "Two new drawings of each class are made, for every pixel of which it is known what it "
        "shows. Counted is in how many of them the part is visible.",
    ),
    Belief(
        "sizes",
        7,
        "A dream is made in one go, at its full size.",
        "A dream is made small first, then enlarged and dreamt again, several times. These sizes "
        "are called octaves. On the Dream page, under More, you can choose their number.",
        "Dream at three sizes instead of one. What happens to the large forms?",
        "Measured is the change: the dream minus the picture. Large forms are what is left of it "
        "after averaging over squares with a side of a twelfth of the picture; the number is their "
        "share of all contrast.",
    ),
)


def beliefs_of(lesson: Lesson) -> tuple[Belief, ...]:
    """Return the common beliefs that belong to a lesson."""
    return tuple(it for it in BELIEFS if it.lesson == lesson.number)


def find_lesson(number: int) -> Lesson:
    """Find a lesson by its number."""
    return LESSONS[number - 1]

"""The texts and questions of the seven lessons."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        number: number of the lesson, counted from 1; links contain it.
        title: title of two or three words.
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


LESSONS = (
    Lesson(
        1,
        "Lines, then things",
        "Each layer recognises more complex things: first lines and colours, then simple textures, "
        "then parts, at last whole objects.",
        (
            "Cut a picture into squares and shuffle them. All its lines, colours and textures are "
            "still there; its things are not. A layer that knows only lines should hardly notice.",
            "Below stand the neurons that answer unusually strongly to either picture. Go deeper, "
            "and see where they begin to differ.",
        ),
        "From which layer on does shuffling move it at least half as far as another picture would?",
        "What a layer says is the mean of its activations over the picture. Measured is how far "
        "that moves when squares are shuffled, as a share of how far other pictures are, over "
        "eight samples and 24 drawings, with four orders.",
    ),
    Lesson(
        2,
        "Ask a neuron",
        "Feed it pictures, and see which excite it most: a neuron of the first layer asks for a "
        "colour or a line of one angle, a later one for stripes or rings.",
        (
            "A square of nine: the nine places, in 720 drawings, that excite one neuron more than "
            "all others, cut to what it could see of them. That is how Zeiler and Fergus opened "
            "networks in 2014.",
            "Walk through the neurons of a layer, then go deeper. What do the nine have in common?",
        ),
        "In the deepest layer, how many of a neuron's nine show the same kind of drawing?",
        "Of each neuron's nine drawings those are counted that belong to the commonest of the 72 "
        "classes among them, mean over all neurons of the layer. Nine drawings taken by chance "
        "agree a little, too.",
    ),
    Lesson(
        3,
        "Content",
        "The content of a picture is its activations at some inner layer; two pictures have the "
        "same content where the squared error between these is small.",
        (
            "The second picture began as noise. Step by step it was changed until one layer "
            "saw in it what it sees in yours. So it shows what the layer still knows, and what it "
            "has let go of.",
            "Start shallow: nothing is lost. Then go deeper.",
        ),
        "At which layer are less than two thirds of the picture's edges left where they were?",
        "Edges are the tenth of all pixels where the light is steepest. One is kept where the "
        "other picture has one within a pixel; what chance alone would keep is taken off.",
    ),
    Lesson(
        4,
        "Style is company",
        "Style is which neurons fire together: in one painting the edge detector and the swirl "
        "detector do, in another one they may not.",
        (
            "Each square shows one painting in one layer. A bright spot: two neurons that fire in "
            "the same places. The neurons stand in the same order in both, so that squares can be "
            "compared.",
            "Look for blocks that only one of the paintings has.",
        ),
        "Cut paintings in two. By what does a half find its other half: by what fires where, or "
        "by what fires together?",
        "Each of our five paintings is cut into a left and a right half. The nearest half is "
        "looked for by the cosine of activations, place by place, and by that of the correlations "
        "between channels (Gram matrices). The share of halves that find their own, by layer.",
    ),
    Lesson(
        5,
        "Both at once",
        "Style transfer makes a third picture that does as well as possible by both measures: the "
        "content of one, the style of another.",
        (
            "The photograph has all of the content, and its style costs much. The painting has all "
            "of the style, and its content costs much. The third picture is worked on, from the "
            "photograph on, until both costs together are small.",
            "The balance says how much content has to say. Turn it both ways.",
        ),
        "Let content have ten times as much to say as usual. What does style then cost?",
        "Both costs of the finished picture, each relative to what there is to lose: style to the "
        "photograph's cost of style, content to the painting's cost of content.",
    ),
    Lesson(
        6,
        "The wrong layers",
        "Which layers speak for style is a choice, and it is most fun to find out the wrong ones.",
        (
            "Here one layer alone speaks for style. A shallow one brings colours and the grain of "
            "the paint, a middle one strokes and shapes; and a deep one?",
            "Which of them would you call wrong?",
        ),
        "Which layer alone carries most of the painting's style?",
        "The picture's costs of style at five depths, not only at the one that spoke, as a share "
        "of the photograph's: how much of the way to the painting it has gone, mean over the five.",
    ),
    Lesson(
        7,
        "The eyes of dreams",
        "Dreams are full of eyes. Perhaps because too deep a layer takes complex things for "
        "matters of style; and eyes are simple, and common, so that they come early.",
        (
            "A dream changes a picture so that a layer sees more of what it sees in it already. "
            "Some of SketchNet's neurons are known to stand for eyes, so one can ask how much more "
            "they see in the dream.",
            "Dream shallow, dream deep: where do you see them?",
        ),
        "At which depth do the eyes come?",
        "How many times as much the neurons of SketchNet that stand for an eye, its iris or its "
        "pupil answer to the dream as to the picture, against usual neurons of their layers. If "
        "SketchNet dreams, the dreaming layer itself is not asked.",
    ),
)


def find_lesson(number: int) -> Lesson:
    """Find a lesson by its number."""
    return LESSONS[number - 1]

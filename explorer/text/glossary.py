"""The glossary: every term of the pages that a newcomer may not know, in one or two sentences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import unknown


@dataclass(frozen=True)
class Term:
    """One entry of the glossary.

    Attributes:
        name: the term, in the singular, as it is written in the middle of a sentence.
        meaning: one or two sentences that explain it.
        also: other words for the same; they are marked as the term is.
    """

    name: str
    meaning: str
    also: tuple[str, ...] = ()


NETWORK_TERMS = (
    Term(
        "network",
        "A program with millions of adjustable numbers that looks at a picture and says what it "
        "shows. Those here are convolutional neural networks.",
        ("convolutional network",),
    ),
    Term(
        "weight",
        "One of the adjustable numbers of a network. Training sets them; nothing on these pages "
        "changes them for good.",
    ),
    Term(
        "training",
        "Showing a network many pictures with the right answers, and changing its weights a "
        "little each time, until it mostly gives the right answer itself.",
        ("trained",),
    ),
    Term(
        "layer",
        "One step of a network, with a short name such as relu3a. It computes new maps, one for "
        "each of its neurons, from those of the layer before; the first one reads the picture.",
    ),
    Term(
        "depth",
        "Where a layer stands between the picture and the answer. Shallow layers come first and "
        "respond to lines and colours, deep ones come last and respond to things.",
        ("shallow", "deep"),
    ),
    Term(
        "neuron",
        "It responds to a pattern, sometimes to several. It is applied at all places of the "
        "picture, and has a number for each: its activation there. In the field's language: a "
        "channel of a layer.",
        ("channel", "unit"),
    ),
    Term(
        "kernel",
        "The small square of weights with which a neuron reads one neuron of the layer before: one "
        "weight for each neighbouring place.",
    ),
    Term(
        "convolution",
        "What most layers compute: each neuron reads the layer before through its kernels, "
        "with the same weights at every place.",
    ),
    Term(
        "ReLU",
        "The rule that turns negative activations into 0, so that a neuron is either silent or "
        "active. Layers called relu end with it.",
    ),
    Term(
        "pooling",
        "A step that makes maps smaller: of neighbouring values, it keeps the largest (maximum "
        "pooling) or the mean.",
    ),
    Term(
        "stride",
        "How many pixels of the picture lie between two neighbouring places at which a neuron "
        "looks. It grows with depth.",
    ),
    Term(
        "receptive field",
        "The part of the picture that can influence a neuron at one place: a few pixels in the "
        "first layer, more than a small picture in deep ones. Some networks also use a summary of "
        "the whole picture; pages then say so.",
    ),
    Term("class", "One of the answers that a network can give, such as cat or rocket."),
    Term(
        "logits",
        "The last layer: one number for each class. The larger it is, the more the network "
        "believes in that class.",
        ("logit",),
    ),
    Term(
        "probability",
        "The logits turned into numbers between 0% and 100% that sum to 100%: how sure the network "
        "says it is of each class.",
    ),
    Term(
        "SketchNet",
        "The small network that comes with the explorer. It was trained on drawings of 72 classes, "
        "so it knows little about photographs.",
    ),
)

RESPONSE_TERMS = (
    Term(
        "activation",
        "The number that a neuron computes at one place: how strongly it responds to the picture "
        "there. 0 means not at all. A picture with a high activation excites the neuron.",
        ("excite",),
    ),
    Term(
        "activation map",
        "The activations of one neuron at all places, as a picture: bright where it responds.",
        ("heat map",),
    ),
    Term(
        "feature visualization",
        "A picture that shows what a neuron responds to. It begins as noise and is changed step by "
        "step so that the neuron's activation rises.",
    ),
    Term(
        "gradient",
        "For every pixel, how much the activation or the loss would change if the pixel became a "
        "little brighter. It tells each step which way to change the picture.",
    ),
    Term(
        "dataset example",
        "A picture of a collection that excites a neuron particularly much, usually cut to the "
        "part that the neuron sees.",
        ("crop",),
    ),
    Term(
        "index",
        "A file in which it is noted how strongly every neuron responds to every picture of a "
        "collection. It is made once.",
    ),
    Term(
        "label",
        "A word for what a neuron singles out, such as eye. It is measured on drawings in which "
        "every pixel is known, and clear if the overlap is large.",
    ),
    Term(
        "IoU",
        "Intersection over union: how well the places where a neuron is most active cover the "
        "places of a thing, from 0 (never) to 1 (exactly). 0.1 is already a clear label.",
    ),
    Term(
        "circuit",
        "A neuron with those that it reads and those that it feeds, and the weights between them.",
    ),
    Term(
        "dead neuron",
        "A neuron that no picture of the collection excites. Training has pushed it so far down "
        "that it never responds.",
        ("dead",),
    ),
    Term(
        "cosine similarity",
        "How alike two lists of numbers are, whatever their size: 1 for the same pattern, 0 for "
        "nothing in common.",
        ("cosine",),
    ),
    Term(
        "median",
        "The value in the middle: half of all values are smaller and half are larger.",
    ),
    Term(
        "guided backpropagation",
        "A way to draw which pixels excited a neuron: the gradient, with only those paths kept "
        "that were active and raised the activation.",
        ("guided backprop",),
    ),
    Term(
        "deconvolution",
        "A way to draw which pixels excited a neuron: its activation is sent backwards through the "
        "layers to the picture (Zeiler and Fergus, 2014).",
    ),
)

PICTURE_TERMS = (
    Term(
        "seed",
        "The number from which all random numbers of a picture come. The same seed gives exactly "
        "the same picture, another one gives another picture.",
    ),
    Term("noise", "Random values: what most pictures here begin with."),
    Term(
        "step",
        "One small change of the picture. A picture is made in some dozens or hundreds of them.",
        ("steps of ascent",),
    ),
    Term(
        "optimisation",
        "Changing the picture in small steps so that a number, such as an activation, rises or "
        "falls. The network itself stays as it is.",
        ("gradient ascent",),
    ),
    Term(
        "canvas",
        "What the steps change: either the pixels themselves, or waves that are added up to the "
        "picture, which gives smoother results.",
    ),
    Term(
        "fine grain",
        "The share of a picture that is noise-like detail of a few pixels. Photographs have "
        "little of it.",
    ),
    Term(
        "dream",
        "A picture that was changed so that a layer responds more strongly to it. What the layer "
        "responds to weakly in it becomes clear.",
        ("DeepDream",),
    ),
    Term(
        "octave",
        "One of the sizes at which a dream is made, from small to large. Small sizes bring large "
        "forms, large sizes bring detail.",
    ),
    Term("strength", "How far a dream may leave the picture that it began with."),
    Term(
        "guide",
        "A second picture for a dream. The dream then takes on what the layer sees in the guide.",
    ),
    Term(
        "recipe",
        "All settings that decide how a picture comes out. It is saved inside every PNG, so that "
        "the picture can be made again.",
    ),
)

STYLE_TERMS = (
    Term(
        "content",
        "What is where in a picture: the activations of a layer, place by place.",
    ),
    Term(
        "style",
        "Colours, textures and strokes, wherever they are: which neurons of a layer respond "
        "together, without regard to the place.",
    ),
    Term(
        "Gram matrix",
        "A table with one number for each two neurons of a layer: how much they are active at the "
        "same places. It measures style, as it does not record the places themselves.",
        ("Gram matrices", "Gram"),
    ),
    Term(
        "Wasserstein distance",
        "Another measure of style. It compares how strongly neurons respond on average as well as "
        "which of them respond together.",
        ("Wasserstein",),
    ),
    Term(
        "nearest-neighbour style",
        "A way to paint that keeps shapes. At each place of the picture, neurons should be as "
        "active as at the place of the painting that resembles it most.",
        ("nearest neighbours", "keeps shapes"),
    ),
    Term(
        "loss",
        "A number that says how far a picture is from what is wanted. The steps make it smaller.",
        ("cost",),
    ),
    Term(
        "content loss",
        "How far the activations of a picture are from those of the photograph, place by place.",
    ),
    Term("style loss", "How far the style of a picture is from that of the painting."),
    Term(
        "balance",
        "How much the content loss counts beside the style loss. More balance keeps more of the "
        "photograph.",
    ),
    Term(
        "texture",
        "A pattern that repeats, such as stripes or scales. As a made picture: one with the style "
        "of another picture and no content.",
    ),
)

# The terms in groups, as the glossary's page shows them.
GROUPS: Mapping[str, tuple[Term, ...]] = {
    "The network": NETWORK_TERMS,
    "What neurons respond to": RESPONSE_TERMS,
    "Making pictures": PICTURE_TERMS,
    "Content and style": STYLE_TERMS,
}
TERMS = tuple(term for group in GROUPS.values() for term in group)
_BY_WORD = {word.lower(): term for term in TERMS for word in (term.name, *term.also)}


def find_term(word: str) -> Term:
    """Find a term by its name, or by another word for it; the case of letters does not matter.

    Raises:
        UnknownName: the glossary does not have the word.
    """
    term = _BY_WORD.get(word.lower())
    if term is None:
        raise unknown("term", word, _BY_WORD)
    return term


def words_pattern() -> re.Pattern[str]:
    """Return a pattern that finds every word of the glossary, also in the plural.

    Of two words at the same place, it finds the longer one: ``receptive field``.
    """
    words = sorted(_BY_WORD, key=len, reverse=True)
    return re.compile(rf"\b({'|'.join(map(re.escape, words))})(?:e?s)?\b", re.IGNORECASE)


def help_text(title: str) -> str | None:
    """Return the help of a control: the meaning of the first term in its title.

    Args:
        title: title of the control, such as ``Octaves: number of sizes``.

    Returns:
        The term and its meaning as Markdown; None if the title contains no term.
    """
    found = words_pattern().search(title)
    if found is None:
        return None
    term = find_term(found[1])
    return f"**{term.name[:1].upper()}{term.name[1:]}**: {term.meaning}"

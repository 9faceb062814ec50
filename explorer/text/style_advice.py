"""What looks wrong with a style transfer, and which setting to change, in words."""

from typing import Any

from core.errors import unknown
from explorer.recipe_fields.style_fields import STYLE_FIELDS
from explorer.text.formatting import percent

# For each problem what the picture shows, with the share that was measured; for each setting that
# can be changed why that helps.
SEEN = {
    "grey": "It is greyer than the picture that its colours come from: {} as colourful.",
    "blotchy": "It is blotchy: {} of it has colours that neither painting nor photograph has.",
    "weak": "It is hardly painted: {} of the photograph's edges are where they were.",
    "strong": "Little of the photograph is left: {} of its edges.",
}
REASONS = {
    ("grey", "steps"): "It began as grey noise and had too few steps.",
    ("grey", "style_layers"): "Colours come from the shallowest layers, which are left out here.",
    ("grey", "balance"): "A smaller balance lets more of them in.",
    ("blotchy", "style_layers"): "Some of the usual layers, which know its colours, are left out.",
    (
        "blotchy",
        "loss",
    ): "A few neurons rule Gram matrices, but not the Wasserstein distance.",
    ("blotchy", "balance"): "A larger balance holds them back.",
    ("weak", "balance"): "A smaller balance paints more.",
    ("strong", "init"): "It began as noise, not as the photograph.",
    ("strong", "balance"): "A larger balance keeps more.",
    ("strong", "loss"): "The loss that keeps shapes paints each place where it is.",
}
BUTTONS = {
    "steps": "{} steps at each size",
    "style_layers": "Usual style layers",
    "init": "Start from the picture",
    "balance": "Balance: {}",
}
LOSSES = {"nearest": "Keep shapes", "wasserstein": "Wasserstein distance"}


def describe_advice(problem: str, measured: float, setting: str) -> str:
    """Return one or two sentences: what is seen, and why the setting helps.

    Args:
        problem, measured, setting: of ``core.experiments.style_advice.Advice``.

    Raises:
        UnknownName: there is no such problem.
    """
    if problem not in SEEN:
        raise unknown("problem", problem, SEEN)
    return f"{SEEN[problem].format(percent(measured))} {REASONS[problem, setting]}"


def button_text(setting: str, value: Any) -> str:
    """Return the text of the button that changes a setting."""
    if setting == "loss":
        return LOSSES[value]
    shown = STYLE_FIELDS[setting].label(value) if setting == "balance" else value
    return BUTTONS[setting].format(shown)


def option_text(setting: str, value: Any) -> str:
    """Return the option of the command ``style`` that changes a setting: ``--balance 0.2``."""
    name = setting.replace("_", "-")
    if isinstance(value, tuple):
        return f"--{name} {','.join(value)}"
    return f"--{name} {value:.3g}" if isinstance(value, float) else f"--{name} {value}"


def query_text(value: Any) -> str:
    """Return a setting's value as it is in the URL of the Style page."""
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)

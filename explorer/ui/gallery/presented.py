"""One picture of the gallery in presenter mode; next and back lead through all pictures."""

from explorer import thumbnails
from explorer.gallery.queries import Gallery
from explorer.jobs.job import Job
from explorer.ui import link_problems, presenter
from explorer.ui.gallery import captions


def show_presented(found: Gallery, job: Job) -> None:
    """Show a picture of an entry in presenter mode.

    The value of the URL's parameter is the number of the picture within the entry. Before the first
    and after the last one come those of the entries beside it, the newest first.
    """
    problems: list[str] = []
    places = found.picture_refs(job)
    number = presenter.slide_number(max(len(places), 1), problems)
    newer, older = found.beside(job.key)
    back = _query(found, newer, last=True) if number == 1 else _slide(job.key, number - 1)
    forward = _query(found, older) if number >= len(places) else _slide(job.key, number + 1)
    title = found.title(job)
    where = f"{number} of {len(places)}" if len(places) > 1 else ""
    presenter.show_frame(where, back, forward)
    alt = f"{captions.picture_noun(job).capitalize()} of {title}"
    shown = found.read_pictures(places[number - 1 : number])
    url = thumbnails.thumbnail(shown[0].image, presenter.PICTURE_PIXELS) if shown else None
    kind = "silent" if shown and shown[0].silent else ""
    presenter.show_picture(url, alt, title, "", kind)
    link_problems.show_problems(problems)


def _slide(key: str, number: int) -> presenter.Query:
    return {"open": key, presenter.PARAMETER: number}


def _query(found: Gallery, key: str | None, last: bool = False) -> presenter.Query | None:
    """Return the query of the first or the last picture of an entry; None for no entry."""
    if key is None:
        return None
    count = len(found.picture_refs(found.find(key))) if last else 1
    return _slide(key, max(count, 1))

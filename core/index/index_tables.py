"""Reading of the tables of an index file, by several threads in parallel."""

import functools
import threading
from typing import Any

import numpy as np

from core.index import file_format
from core.index.file_format import Array
from core.index.top_k import picture_id


class IndexTables:
    """The tables of an index file; ``core.index.file_format`` lists their names.

    Attributes:
        count: number of scanned images.
    """

    def __init__(self, file: Any) -> None:
        """Prepare the memory-mapped file that ``file_format.read`` returned."""
        self._file = file
        self._lock = threading.Lock()
        self.count: int = file.get_slice("pictures").get_shape()[0]

    def rows(self, name: str, rows: slice) -> Array:
        """Read some rows of a table."""
        with self._lock:
            read: Array = self._file.get_slice(name)[rows.start : rows.stop]
        return read

    def whole(self, name: str) -> Array:
        """Read a whole table."""
        with self._lock:
            read: Array = self._file.get_tensor(name)
        return read

    @functools.cached_property
    def _named(self) -> tuple[Array, Array, Array, Array]:
        """The ids, sizes and names of the images in the rankings or the sample."""
        pictures, sizes = self.whole("named/pictures"), self.whole("named/sizes")
        return pictures, sizes, self.whole("named/names"), self.whole("named/ends")

    def name_and_size(self, picture: int) -> tuple[str, tuple[int, int]]:
        """Return the name and the (height, width) of an image in the rankings or the sample."""
        pictures, sizes, text, ends = self._named
        at = int(np.searchsorted(pictures, picture))
        height, width = sizes[at].tolist()
        return file_format.unpack_name(text, ends, at), (height, width)

    def size_of(self, name: str) -> tuple[int, int] | None:
        """Return the (height, width) of an image by its name.

        None if it is neither in the rankings nor in the sample.
        """
        ids, wanted = self._named[0], picture_id(name)
        at = int(np.searchsorted(ids, wanted))
        if at == len(ids) or ids[at] != wanted:
            return None
        return self.name_and_size(wanted)[1]

"""The recognition of text in pictures, on this machine: the models come in the package, nothing is fetched."""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from rapidocr_onnxruntime import RapidOCR

from services.approval.recognition.lines import Box, Line

_SURE = 0.82
_LEAST_SCORE = 0.5
_TRIED_AT = 1200
_TURNS = (90, 180, 270)


class Ocr:
    """One loaded engine; takes a second to make and some 300 MB."""

    def __init__(self) -> None:
        self._engine = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def read(self, picture: Image.Image, page: int) -> tuple[Image.Image, tuple[Line, ...]]:
        """The picture turned upright, and its lines from top to bottom."""
        lines = self._lines(picture, page)
        if _upright(lines):
            return picture, lines
        small = picture.copy()
        small.thumbnail((_TRIED_AT, _TRIED_AT))
        told = {0: _weight(lines)}
        told |= {turn: _weight(self._lines(small.rotate(turn, expand=True), page)) for turn in _TURNS}
        best = max(told, key=lambda turn: told[turn])
        if not best:
            return picture, lines
        turned = picture.rotate(best, expand=True)
        return turned, self._lines(turned, page)

    def _lines(self, picture: Image.Image, page: int) -> tuple[Line, ...]:
        found, _ = self._engine(np.asarray(picture)[:, :, ::-1], use_cls=False)
        width, height = picture.size
        return tuple(
            Line(text, page, _box(corners, width, height), round(float(score), 3))
            for corners, text, score in found or ()
            if float(score) >= _LEAST_SCORE
        )


def _box(corners: Sequence[Sequence[float]], width: int, height: int) -> Box:
    xs, ys = [x / width for x, _ in corners], [y / height for _, y in corners]
    return Box.of(min(xs), min(ys), max(xs), max(ys))


def _upright(lines: Sequence[Line]) -> bool:
    signs = sum(len(line.text) for line in lines)
    return signs > 0 and sum(line.score * len(line.text) for line in lines) / signs >= _SURE and not _on_side(lines)


def _on_side(lines: Sequence[Line]) -> bool:
    long = [line for line in lines if len(line.text) > 3]
    tall = sum(line.box.bottom - line.box.top > 2 * (line.box.right - line.box.left) for line in long)
    return tall * 2 > len(long)


def _weight(lines: Sequence[Line]) -> float:
    """How much is read with how much certainty: what lies on its side or its head gives little."""
    return 0.0 if _on_side(lines) else sum(len(line.text) * max(line.score - 0.6, 0.0) for line in lines)

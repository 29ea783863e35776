"""What stands on a paper, line by line, each with its place. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A place on a page, in thousandths of its width and height as it is seen."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, left: float, top: float, right: float, bottom: float) -> "Box":
        """From fractions of the page; what lies outside is drawn to the edge."""
        ends = [round(1000 * min(max(end, 0.0), 1.0)) for end in (left, top, right, bottom)]
        return cls(*ends)

    def part(self, start: float, end: float) -> "Box":
        """The part of a line between two fractions of its length."""
        width = self.right - self.left
        return Box(self.left + round(width * start), self.top, self.left + round(width * end), self.bottom)


@dataclass(frozen=True)
class Line:
    """A line as it was read. `score` is how sure the reader is, 1 for the text of a born-digital paper."""

    text: str
    page: int
    box: Box
    score: float

"""Why a paper can't be read: an answer, not a fault."""


class Unreadable(Exception):
    """A paper that can't be read; its only argument is the reason, a word of `REASONS`."""


REASONS = {
    "damaged": ("文件损坏或不是图片", "damaged, or no picture"),
    "encrypted": ("文件加了密码", "locked by a password"),
    "too_large": ("图片像素过多", "the picture has too many pixels"),
    "too_slow": ("识别超时", "reading took too long"),
    "died": ("识别程序多次中断", "the reader ended before its time, again and again"),
}

"""Size and orientation of images, read without decoding pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mono.io.exif import read_orientation
from mono.io.image_formats import open_image
from mono.io.images import DECODING_ERRORS, ImageError
from mono.io.tiff import needs_own_reader, read_directories, skip_thumbnail, upright_size


@dataclass(frozen=True)
class ImageHeader:
    """Size and EXIF orientation of an image file.

    Attributes:
        width: width of the upright image [px].
        height: height of the upright image [px].
        orientation: EXIF orientation, 1 to 8; from 5 on, width and height are swapped in the file.
    """

    width: int
    height: int
    orientation: int

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) of the upright image [px]."""
        return self.width, self.height

    @property
    def turn_is_hidden(self) -> bool:
        """Tell if the image is turned or mirrored without a change of its size."""
        return self.orientation != 1 and (self.orientation < 5 or self.width == self.height)


def read_image_header(path: Path) -> ImageHeader:
    """Read the size and orientation of an image file.

    Raises:
        ImageError: the file is not a regular file or not an image.
    """
    if not path.is_file():
        raise ImageError(f"{path}: there is no such image file; check the path")
    try:
        with path.open("rb") as opened:
            file = skip_thumbnail(opened) or opened
            file.seek(0)
            head = file.read(1024)
            tags = read_directories(file)
            own = bool(tags) and needs_own_reader(tags[0], head)
            image = None if own else open_image(file, head)
            if tags and (own or image is not None):  # Pillow's size of a TIFF is upright, its orientation that stored
                return ImageHeader(*upright_size(tags[0]))
            if image is not None:
                (width, height), orientation = image.size, read_orientation(image)
                return ImageHeader(*((height, width) if orientation >= 5 else (width, height)), orientation)
    except PermissionError as error:
        raise ImageError(f"{path}: may not be read (permission denied); change its permissions") from error
    except DECODING_ERRORS as error:
        raise ImageError(f"{path}: is damaged or not an image; copy or download it again") from error
    raise ImageError(f"{path}: is not an image of a known format; copy or download it again")

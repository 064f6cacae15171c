"""What a file is that was given for another: told by how it begins."""

BEGINNINGS = {
    b"RIFF": "a WAV sound",
    b"fLaC": "a FLAC sound",
    b"OggS": "an Ogg sound",
    b"ID3": "an MP3 sound",
    b"FORM": "an AIFF sound",
    b"FBPC": "a sound that `fastbp encode` wrote",
    b"PK\x03\x04": "a zip archive, as PyTorch, Keras and NumPy save models",
    b"\x89HDF": "an HDF5 file, as Keras saved models",
    b"\x80": "a pickle of Python",
    b"\x93NUMPY": "an array of NumPy",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF document",
}


def kind_of(head: bytes) -> str | None:
    """A name for the kind of a file that begins so, if it is known, or text."""
    known = next((kind for start, kind in BEGINNINGS.items() if head.startswith(start)), None)
    return known or ("text" if head and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head) else None)

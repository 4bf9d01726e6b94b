"""Bytes of a file to its header, its pixels or its stored values; and back.

Decoding is exact or refused with the reason. An image is (H, W, 3) uint8 RGB, as a network sees it. A label is what
its file stores, unconverted. What is odd but harmless becomes a Finding in `notes`, if the caller passes a list. All
functions are thread-safe and release the GIL while they decode.

`decoding` has the functions and the table of file kinds. Each kind is a subclass of `encoded.EncodedFile`, in `jpeg`,
`png`, `tiff`, `npy` or (BMP, WebP and GIF) `pillow`; a new kind is one more such class and its name in the table.
`tiff_tags` is the directory of a TIFF. `jpeg_windows` decodes windows of a JPEG, `pair_windows` those of an image and
its label together. `header` and `stored` are the results, `rgb` turns values into colors.
"""

"""Known formats: one page per format, or per family of formats that share their layout."""

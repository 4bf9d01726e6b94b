"""The documentation site: `.ci/docs` builds it. What is special about it is in docs/site/."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import pixelwise  # noqa: E402
from docs.site.gallery import WORK  # noqa: E402
from docs.site.reference import MISSING, aliases  # noqa: E402

logging.getLogger("pixelwise").propagate = False  # its steps, in the tutorials, are not those of the build

project = "pixelwise"
author = "pixelwise developers"
copyright = "pixelwise developers"
version = release = pixelwise.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_gallery.gen_gallery", "docs.site.extension"]
exclude_patterns = ["_build", "site", "gallery", "**/README.txt"]
nitpicky = True
smartquotes = False  # "float32" and --images are to be copied

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in aliases()}
autodoc_mock_imports = MISSING
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"pixelwise {release}"
html_static_path = ["site/static"]
html_css_files = ["pixelwise.css"]
html_theme_options = {"top_of_page_buttons": []}
html_copy_source = False
html_show_sphinx = False

sphinx_gallery_conf = {
    "examples_dirs": WORK,
    "gallery_dirs": "tutorials",
    "filename_pattern": "/",
    "image_scrapers": ("matplotlib", "docs.site.gallery.pictures"),
    "within_subsection_order": "docs.site.gallery.InOrder",
    "reset_modules": ("matplotlib", "docs.site.gallery.work_there"),
    "reset_modules_order": "both",
    "ignore_repr_types": r"Picture|AxesImage|ndarray.*Axes",
    "copyfile_regex": "",
    "show_memory": False,
    "write_computation_times": False,  # that page loads scripts from elsewhere
    "show_signature": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
}

"""How Sphinx builds these pages: MyST Markdown, its code cells executed, the catalogue of kinds made from the registry."""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from jupyter_client.manager import KernelManager

here = Path(__file__).parent
sys.path.insert(0, str(here / "_extensions"))

# An exception on a page is its message: the frames of a traceback would fill a screen, and name this machine's folders.
# IPYTHONDIR is the kernel's folder of settings.
os.environ["IPYTHONDIR"] = str(here / "_build" / "ipython")
settings = here / "_build" / "ipython" / "profile_default" / "ipython_config.py"
settings.parent.mkdir(parents=True, exist_ok=True)
settings.write_text('c.InteractiveShell.xmode = "Minimal"\nc.HistoryManager.enabled = False\n', encoding="utf-8")

# A kernel that was asked to leave is sometimes waited for until this is over; it has nothing to save.
KernelManager.shutdown_wait_time.default_value = 0.5

# The kernel that executes the pages says on stderr that a debugger would be slower; nobody debugs it.
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")

project = "localgrad"
author = "The localgrad developers"
version = release = version_of("localgrad")
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "mathml",  # ours: formulas without a script from another host
    "kinds",  # ours: the catalogue, from the registry
    "public",  # ours: the reference of public names, complete
]

exclude_patterns = ["_build", "_extensions", "jupyter_execute", "**.ipynb_checkpoints"]
suppress_warnings = ["misc.highlighting_failure"]  # messages of ours in what Pygments takes for a traceback

default_role = "literal"  # docstrings write `x` for code
nitpicky = False  # names in prose are not all targets; a broken link of Markdown still is an error

# Markdown
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "smartquotes"]
myst_heading_anchors = 3

# Executed examples: always, in a folder of their own, and an exception fails the build unless the cell is tagged
# `raises-exception`.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # nothing from another host

# Reference pages
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
toc_object_entries = False  # every page would carry a copy of them; long pages begin with a table instead

# Pages
html_theme = "furo"
html_title = "localgrad"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

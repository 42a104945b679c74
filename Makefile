# The developer's menu. Every target sets up what it needs; `make` alone prints the menu.
#   make setup PYTHON=/path/to/python3.11 VENV=.venv311     makes a second environment beside the first

VENV ?= .venv
PYTHON ?=
ready := $(VENV)/.convmotion-ready
bin := $(VENV)/bin
# A process for every core, but no more memory than usual machines have. The tests of a file share what they render, so
# they share a process; in the order of the list it is no long file that is left to the end.
parallel := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo catalog gallery web addon test test-web test-faults test-fuzz test-window bench lint clean
.DELETE_ON_ERROR:

help: ## print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s%s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(ready) ## make .venv with everything in it (a 380 MB Blender among it, once)
	@:

demo: $(ready) ## render the standard convolution to out/standard.mp4 and out/standard.gif
	@mkdir -p out
	@"$(bin)/convmotion" render standard -o out/standard.mp4 -o out/standard.gif --size 854x480 --fps 20

catalog: $(ready) ## render all animations as drafts, and a contact sheet of each, to out/
	@"$(bin)/convmotion" render-all catalog -o out --sheet --quality draft --size 427x240 --fps 15

gallery: web ## make the gallery of all animations in site/, to be opened or put on the web; ARGS="--quality draft" hurries
	@"$(bin)/convmotion" gallery -o site --fps 20 $(ARGS)

web: $(ready) ## build what the interactive page consists of, with npm (downloads three.js and esbuild, once)
	@"$(bin)/python" tools/build_web.py

addon: web ## pack the Blender extension for each platform into dist/ (downloads wheels, once); ARGS="linux-x64" picks
	@"$(bin)/python" tools/pack_addon.py $(ARGS)

test: $(ready) ## run the tests, several files at a time; ARGS="-k gif" picks some
	@"$(bin)/python" -m pytest -q $(parallel) $(ARGS)

test-web: web ## run the tests of the pages in Chromium: CHROMIUM="where it is", if it is not on the path
	@CONVMOTION_CHROMIUM="$(or $(CHROMIUM),required)" "$(bin)/python" -m pytest -q tests/web $(ARGS)

test-faults: $(ready) ## break renders on purpose, a good half hour long, and see that nothing is lost; ARGS="--only twin" picks
	@"$(bin)/python" tools/faults.py $(ARGS)

test-fuzz: $(ready) ## give the command 10,000 odd scene files and command lines, a quarter of an hour long; in make test are some hundreds
	@FUZZ_CASES=5000 "$(bin)/python" -m pytest -q -s $(ARGS) tests/render/test_cli_fuzz.py

test-window: $(ready) ## run the panel in a real window: BLENDER="how to start it" SHOT="what takes a picture, into the file named behind"
	@"$(bin)/python" tools/window_run.py "$(or $(BLENDER),blender)" "$(SHOT)"

bench: $(ready) ## measure speed and memory against references; ARGS="conv_math --quick" picks and hurries
	@"$(bin)/python" -m bench $(ARGS)

lint: $(ready) ## check style and types
	@"$(bin)/python" -m ruff check .
	@"$(bin)/python" -m ruff format --check .
	@"$(bin)/python" -m basedpyright --pythonpath "$(bin)/python"

clean: ## remove the environment and the caches; pictures in out/ stay
	@if [ -e "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Blender is published for Python 3.11 and 3.13 only, and a Python counts if it runs: a version manager's shim may exist
# and fail. Debian's Python comes without the means to make an environment, which is a package of its own.
$(ready): pyproject.toml constraints/py311.txt constraints/py313.txt
	@set -eu; \
	usable='import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 13)))'; \
	if ! "$(bin)/python" -c "import pip; $$usable" 2>/dev/null; then \
	  if [ -e "$(VENV)/pyvenv.cfg" ]; then rm -rf "$(VENV)"; fi; \
	  found=; \
	  for candidate in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.11 python3); do \
	    if "$$candidate" -c "$$usable" >/dev/null 2>&1; then found=$$candidate; break; fi; \
	  done; \
	  if [ -n "$$found" ] && "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    "$$found" -m venv "$(VENV)"; \
	  elif [ -n "$${found}$(if $(PYTHON),,any)" ] && uv --version >/dev/null 2>&1; then \
	    uv venv --quiet --seed --python "$${found:-3.13}" "$(VENV)"; \
	  elif [ -n "$$found" ]; then \
	    echo "make: $$found cannot make environments: sudo apt-get install -y python3-venv" >&2; exit 1; \
	  elif [ -n "$(PYTHON)" ]; then \
	    echo "make: PYTHON=$(PYTHON) is no working Python 3.11 or 3.13, for which alone Blender is published" >&2; exit 1; \
	  else \
	    echo "make: install Python 3.13 or 3.11 (there is no Blender for 3.12 or 3.14), or uv, which brings its own" >&2; exit 1; \
	  fi; \
	fi; \
	version=$$("$(bin)/python" -c 'import sys; print("%d%d" % sys.version_info[:2])'); \
	echo "Setting up $(VENV) with Python 3.$${version#3}; the first time, 380 MB of Blender come with it" >&2; \
	"$(bin)/python" -m pip install --quiet --disable-pip-version-check -c constraints/py$$version.txt -e '.[dev]'
	@touch "$@"

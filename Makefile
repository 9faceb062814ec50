# Each target sets up .venv by itself; PYTHON names the interpreter that makes it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run notebooks test check format bench pictures clean

run: $(VENV)/.run
	$(BIN)/python -m explorer app $(ARGS)

notebooks: $(VENV)/.notebooks
	$(BIN)/python -m jupyter lab $(ARGS) notebooks/see_a_neuron.ipynb

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.neurons $(ARGS)

# Every picture of the documentation and of the home page, by the project's own commands: some
# minutes on two cores. Training draws the learning curve (core.sketchnet.training.train). Those of
# VGG-16 are made if VGG16 names a file of its weights.
PICTURES := docs/images
pictures: $(VENV)/.bench
	mkdir -p build $(PICTURES)
	for layer in relu1b relu3b relu4b; do $(BIN)/python -m explorer neurons sketchnet $$layer \
		--units 0-15 --out $(PICTURES)/$$layer.png || exit 1; done
	$(BIN)/python -m explorer neurons sketchnet logits --out $(PICTURES)/logits.png
	$(BIN)/python -m core.sketchworld.world --sheet $(PICTURES)/world.png
	$(BIN)/python -m core.figures.neuron_sheets --out $(PICTURES)
	$(BIN)/python -m explorer index sketchnet --images sketchworld:5000 --out build/sketch.index --resume
	$(BIN)/python -m explorer figure build/sketch.index --layers relu1b,relu3b,relu4b,relu5b \
		--out $(PICTURES)/figure.png
	$(BIN)/python -m explorer dream-depths sketchnet cat --out $(PICTURES)/depths.png
	$(BIN)/python -m explorer style sketchnet cat mosaic --size 384 --out $(PICTURES)/style-cat.png
	$(BIN)/python -m explorer style sketchnet village glass --size 384 \
		--out $(PICTURES)/style-village.png
	$(BIN)/python -m explorer style-depths sketchnet coffee swirls --out $(PICTURES)/style-depths.png
	if [ -n "$(VGG16)" ]; then \
		$(BIN)/python -m explorer neurons vgg16 features.22 --units 0-5 --weights "$(VGG16)" \
			--out $(PICTURES)/vgg16-neurons.png && \
		$(BIN)/python -m explorer dream vgg16 features.22 coffee --size 384 --weights "$(VGG16)" \
			--out $(PICTURES)/vgg16-dream.png && \
		$(BIN)/python -m explorer style vgg16 cat swirls --size 384 --weights "$(VGG16)" \
			--out $(PICTURES)/vgg16-style.png; fi
	$(BIN)/python -m benchmarks.judge --sheet $(PICTURES)/judge.png
	$(BIN)/python -m explorer.prebuilt.page_previews
	$(BIN)/python -m benchmarks.tour --out $(PICTURES)

clean:
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The stamps hold what has been installed, so a changed requirements file installs anew.
$(VENV)/.run: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.notebooks: requirements-notebooks.txt $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-notebooks.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements-cluster.txt requirements-timm.txt $(VENV)/.run | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/.bench: requirements-bench.txt $(VENV)/.dev | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@

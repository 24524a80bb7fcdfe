# Everything a person types.  `make demo` and `make test` need only python3 >= 3.11 and make to begin with.
PY := .venv/bin/python
STAMP := .venv/.installed
CODE := kernel journal verify web edge station central firmware_bridge simulators tests

.PHONY: setup demo test test-full quick check bench bench-full faults faults-full format docs pictures lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml scripts/setup
	scripts/setup

demo: $(STAMP)
	.venv/bin/weighpost-sim demo $(DEMO)

# Compiled tests are kept: compiling them anew, in every run and every worker, is a third of the time.
PYTEST := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/build/pyc $(PY) -m pytest -q

quick: $(STAMP)
	$(PYTEST) -n 2 --hypothesis-profile=quick -m "not broad and not wire and not browser and not slow"

# Whole applications and processes on a shared machine: what failed is tried once more, one test after the other, and
# has to pass then.
AGAIN = f() { $(PYTEST) "$$@" || $(PYTEST) --lf "$$@" -n 0; }; f

# Three runs: what is pure, and content over PostgreSQL, on both cores; what needs the machine's wires, one after the
# other; and the browser, whose driver keeps an event loop of its own for as long as its process lives.
test: $(STAMP)
	scripts/system test
	$(AGAIN) -n 2 -m "(not wire or database) and not browser and not slow" --timeout=60 $(TEST)
	$(AGAIN) -m "wire and not database and not slow" --timeout=180 $(TEST)
	$(AGAIN) -m "browser and not slow" --timeout=420 $(TEST)

test-full: test faults-full
	$(AGAIN) -m slow --timeout=1800 $(TEST)

check: $(STAMP)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/mypy

bench: $(STAMP)
	$(PY) -m tests.bench

bench-full: $(STAMP)
	$(PY) -m tests.bench --full

faults: $(STAMP)
	$(PY) -m tests.faults

faults-full: $(STAMP)
	$(PY) -m tests.faults --full

format: $(STAMP)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: $(STAMP)
	$(PY) scripts/docs.py

pictures: $(STAMP)
	DEMO_VEHICLES=22 $(PY) -m pytest -q -m browser --timeout=600 tests/browser/test_demo_seen.py
	mkdir -p docs/pictures
	$(PY) scripts/pictures.py

lock: $(STAMP)
	scripts/lock

clean:
	rm -rf build

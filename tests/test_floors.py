"""The structure of the package: imports point down one list, and importing is free."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import geometry

PACKAGE = Path(geometry.__file__).parent

# from the ground up; a module may import what stands before it, and its own package
FLOORS = [
    "errors",
    "choices",
    "atomic",
    "plain",
    "bundled",
    "progress",
    "tables",
    "linalg",
    "polygons",
    "envelopes",
    "chance",
    "intervals",
    "checkpoint",
    "arrays",
    "residuals",
    "tokens",
    "sprites",
    "pages",
    "figures",
    "families",
    "lexicon",
    "recipes",
    "readout",
    "spaces",
    "moments",
    "undertrained",
    "opened",
    "head",
    "matching",
    "names",
    "products",
    "standings",
    "info",
    "expressions",
    "concepts",
    "hubness",
    "scoring",
    "search",
    "contest",
    "landing",
    "maps",
    "reachability",
    "madeof",
    "asking",
    "recall",
    "phantoms",
    "vacancy",
    "why",
    "readings",
    "health",
    "comparison",
    "batch",
    "live",
    "organism",
    "retry",
    "implant",
    "explore",
    "cli",
    "__main__",
]

# methods that open an upper floor when they are called: the sugar of the public API, and nothing else
DOORS = {("head", "concepts"), ("head", "landing"), ("landing", "why")}


def _floor(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(tree: ast.AST) -> list[tuple[str, bool]]:
    """(imported floor, whether it happens inside a function) for every import that runs."""
    found = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""] if node.module != "geometry" else [f"geometry.{a.name}" for a in node.names]
        else:
            names = []
        found.extend((n.split(".")[1], inside) for n in names if n.startswith("geometry."))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, False)
    return found


def _faults(floor: str, tree: ast.AST) -> list[str]:
    faults = []
    for target, inside in _imports(tree):
        below = FLOORS.index(target) < FLOORS.index(floor) or target == floor
        if not below and not (inside and (floor, target) in DOORS):
            faults.append(f"{floor} imports {target}, which stands above it")
    return faults


@pytest.mark.parametrize(
    "path",
    # the package's own door is left out: it loads every public name, lazily
    sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"}),
    ids=lambda path: str(path.relative_to(PACKAGE)).replace("/", "."),
)
def test_imports_point_down(path: Path):
    assert _floor(path) in FLOORS, "give the new module its floor"
    assert _faults(_floor(path), ast.parse(path.read_text("utf-8"))) == []


def test_the_floors_test_can_fail():
    assert _faults("errors", ast.parse("from geometry.head import Head"))
    assert _faults("search", ast.parse("def f():\n    import geometry.landing"))
    assert not _faults("head", ast.parse("def f():\n    from geometry.landing import land"))
    assert _faults("head", ast.parse("from geometry.landing import land"))


HEAVY = (
    "torch",
    "faiss",
    "umap",
    "transformers",
    "matplotlib",
    "sklearn",
    "pandas",
    "scipy",
    "pyarrow",
    "gguf",
    "fastapi",
    "uvicorn",
)
NETWORKED = ("huggingface_hub", "httpx", "httpx2", "filelock", "platformdirs")
SEEN = HEAVY + NETWORKED


def _loaded(code: str) -> set[str]:
    report = f"{code}\nimport sys\nprint('\\n'.join(m for m in {SEEN!r} if m in sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import geometry",
        "import geometry; dir(geometry)",
        "import sys; sys.argv = ['geometry', '--help']\n"
        "from geometry.cli import main\ntry: main()\nexcept SystemExit: pass",
        "import geometry; geometry.Head",
        "from geometry.checkpoint import find_place; find_place('organism')",
    ],
    ids=["import", "dir", "help", "a public name", "a local head"],
)
def test_importing_loads_nothing_heavy(code: str):
    assert _loaded(code) == set()


def test_the_loading_test_can_fail():
    assert _loaded("import faiss") == {"faiss"}

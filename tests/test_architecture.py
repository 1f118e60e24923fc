"""The law of the house: imports go down, the low floors are pure, files and functions stay small, tests mirror."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "honeystack"

GROUND, BYTES, PROTOCOL, DRIVERS, MEETING, WINGS, ASSEMBLY, DOOR = -1, 0, 1, 2, 3, 4, 5, 6

# Longest prefix wins.
FLOORS = {
    "errors": GROUND,
    "registry": GROUND,
    "settings": GROUND,
    "logs": GROUND,
    "compiled": GROUND,
    "net.wire": BYTES,
    "net.address": BYTES,
    "tls.hello": BYTES,
    "tls.fingerprint": BYTES,
    "tls.suites": BYTES,
    "tls.jarm": BYTES,
    "tls.familiar": BYTES,
    "tls.partial": BYTES,
    "tls.pieces": BYTES,
    "tls.datagrams": BYTES,
    "tls.quic": BYTES,
    "tls.dtls": BYTES,
    "tls.threats": BYTES,
    "tls.forgery": BYTES,
    "net.tcp": PROTOCOL,
    "net.settings": PROTOCOL,
    "net.stack": PROTOCOL,
    "net.delivery": PROTOCOL,
    "net.internet": PROTOCOL,
    "net.output": PROTOCOL,
    "net.neighbours": PROTOCOL,
    "net.reachability": PROTOCOL,
    "net.groups": PROTOCOL,
    "net.duplicates": PROTOCOL,
    "net.fragments": PROTOCOL,
    "net.icmp": PROTOCOL,
    "net.udp": PROTOCOL,
    "net.persona": PROTOCOL,
    "net.timers": PROTOCOL,
    "net.notices": PROTOCOL,
    "net.scans": PROTOCOL,
    "net.sieve": PROTOCOL,
    "net.flood": PROTOCOL,
    "net.anomalies": PROTOCOL,
    "net.sniffer": PROTOCOL,
    "net.limits": PROTOCOL,
    "tls.machine": PROTOCOL,
    "tls.profiles": PROTOCOL,
    "tls.keylog": PROTOCOL,
    "tls.mimicry": PROTOCOL,
    "tls.budget": PROTOCOL,
    "events.event": PROTOCOL,
    "events.catalogue": PROTOCOL,
    "events.encode": PROTOCOL,
    "events.community": PROTOCOL,
    "events.identity": PROTOCOL,
    "events.ids": PROTOCOL,
    "events.sensor": PROTOCOL,
    "events.filters": PROTOCOL,
    "net": DRIVERS,
    "tls": DRIVERS,
    "events": DRIVERS,
    "conversation": MEETING,
    "patience": MEETING,
    "reception": MEETING,
    "witness": MEETING,
    "listeners": WINGS,
    "services": WINGS,
    "channels": WINGS,
    "directors": WINGS,
    "config": ASSEMBLY,
    "rooms": ASSEMBLY,
    "router": ASSEMBLY,
    "unwrap": ASSEMBLY,
    "captures": ASSEMBLY,
    "shares": ASSEMBLY,
    "transcript": ASSEMBLY,
    "honeypot": ASSEMBLY,
    "process": ASSEMBLY,
    "workers": ASSEMBLY,
    "replay": ASSEMBLY,
    "doctor": ASSEMBLY,
    "netstack": ASSEMBLY,
    "cli": DOOR,
    "demo": DOOR,
    "__main__": DOOR,
    "": DOOR,
}
IMPURE = {"trio", "time", "socket", "os", "random", "threading", "logging", "asyncio", "select", "subprocess"}
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "testing" not in p.relative_to(PACKAGE).parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module: str) -> int:
    candidate = module
    while True:
        for name, floor in FLOORS.items():
            if candidate == name or (name.startswith("events.encode") and candidate.startswith(name)):
                return floor
        if "." not in candidate:
            raise AssertionError(
                f"no floor is assigned to {module!r}; add it to the table and to the architecture page"
            )
        candidate = candidate.rpartition(".")[0]


def runtime_imports(tree: ast.Module) -> list[str]:
    """Every module imported anywhere in the file, `if TYPE_CHECKING:` left out."""
    found: list[str] = []
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [target(node.module, alias.name) for alias in node.names]
        stack += ast.iter_child_nodes(node)
    return found


def takes_no_name_of_the_front(path: Path) -> bool:
    """The front of the package imports nothing by itself; its version and its place are for everyone."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
    used = {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "honeystack"}
    return used <= {"__version__", "__path__"}


def target(package: str, name: str) -> str:
    """The module that `from package import name` reaches: `package.name` where that is one of ours."""
    place = ROOT.joinpath(*package.split("."), name)
    return f"{package}.{name}" if place.with_suffix(".py").exists() or place.is_dir() else package


def room_of(module: str) -> str:
    """What counts as 'the own package': the first part, or the file itself at the top."""
    return module.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_down(path: Path) -> None:
    module = name_of(path)
    if path.name == "__init__.py" and module:
        return  # a package's front only re-exports its own
    for imported in runtime_imports(ast.parse(path.read_text())):
        top, _, rest = imported.partition(".")
        if top != "honeystack":
            continue
        if rest == "" and (floor_of(module) == DOOR or takes_no_name_of_the_front(path)):
            continue
        assert not rest.startswith("testing"), f"{module} imports the test support {imported}"
        here, there = floor_of(module), floor_of(rest)
        assert there <= here, f"{module} (floor {here}) imports {rest} (floor {there})"
        if there == here and here not in (GROUND, MEETING, ASSEMBLY, DOOR):
            assert room_of(module) == room_of(rest), f"{module} and {rest} live on one floor and may not meet"
        if here == WINGS and there == WINGS:
            assert module.split(".")[0] == rest.split(".")[0]


@pytest.mark.parametrize("path", [p for p in MODULES if floor_of(name_of(p)) in (BYTES, PROTOCOL)], ids=name_of)
def test_low_floors_are_pure(path: Path) -> None:
    impure = {imported.partition(".")[0] for imported in runtime_imports(ast.parse(path.read_text()))} & IMPURE
    assert not impure, f"{name_of(path)} imports {sorted(impure)}"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=name_of)
def test_no_file_is_over_400_lines_and_no_function_over_60(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}: {node.name} is too long"


def test_no_file_beside_the_package_is_over_400_lines() -> None:
    files = [path for folder in ("bench", "docs", "examples", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert [path.name for path in files if len(path.read_text().splitlines()) > 400] == []


@pytest.mark.parametrize("path", [p for p in MODULES if p.name not in ("__init__.py", "__main__.py")], ids=name_of)
def test_each_module_has_its_tests_at_the_mirrored_path(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    assert (ROOT / "tests" / relative.parent / f"test_{relative.name}").exists()


def floors_on_the_page() -> dict[str, int]:
    """Each room that docs/architecture.md names, as a module or as the package that ends in `.`, and its floor."""
    drawing = (ROOT / "docs" / "architecture.md").read_text().split("```")[1]
    named: dict[str, int] = {}
    floor = DOOR
    for line in drawing.strip().splitlines():
        number, rest = line[:1], line[12:]
        floor = int(number) if number.isdigit() else GROUND if line.strip().startswith("ground") else floor
        for package, members, lone in re.findall(r"([\w/]+)/\{([^}]*)\}|(\w[\w/*]*)", rest.split("      ")[0]):
            names = [f"{package}/{member}" for member in members.split(",")] if package else [lone]
            named |= {re.sub(r"\*?$", "", name.replace("/", ".").strip()): floor for name in names}
    return named


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=name_of)
def test_the_architecture_page_has_each_module_on_its_floor(path: Path) -> None:
    module, page = name_of(path), floors_on_the_page()
    rooms = [room for room in page if module == room or (room.endswith(".") and module.startswith(room))]
    rooms += [room for room in page if room.startswith("events.encode") and module.startswith(room)]
    assert rooms, f"docs/architecture.md does not name {module}"
    assert page[max(rooms, key=len)] == floor_of(module)


def test_the_median_file_is_short() -> None:
    lengths = sorted(len(p.read_text().splitlines()) for p in MODULES if p.name != "__init__.py")
    assert lengths[len(lengths) // 2] <= 160

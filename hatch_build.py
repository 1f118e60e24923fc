"""Compiles the pure floors into a wheel with mypyc: `make wheel`, or HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 in any build.

The same sources run uncompiled. Which of them are compiled stands in pyproject.toml, at the hook.
"""

from __future__ import annotations

import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_into(folder: Path, sources: list[str]) -> list[Path]:
    """Compile the sources; the extension modules, each at its place below `folder`/lib."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    work = folder / "build"
    extensions = mypycify(sources, opt_level="3", target_dir=str(work), group_name="honeystack")
    build = Distribution({"name": "honeystack", "ext_modules": extensions}).get_command_obj("build_ext")
    build.build_lib, build.build_temp, build.parallel = str(folder / "lib"), str(work), 2
    build.ensure_finalized()
    build.run()
    return sorted((folder / "lib").rglob("*" + sysconfig.get_config_var("EXT_SUFFIX")))


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder, root = Path(self._folder.name), Path(self.root)
        sources = sorted({str(path.relative_to(root)) for glob in self.config["compile"] for path in root.glob(glob)})
        for built in compile_into(folder, [name for name in sources if name not in self.config["leave"]]):
            build_data["force_include"][str(built)] = str(built.relative_to(folder / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._folder.cleanup()

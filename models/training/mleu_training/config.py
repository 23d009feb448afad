# SPDX-License-Identifier: LGPL-2.1-or-later
"""Configurations: one JSON file a network. `"base": "OTHER.json"` takes over what the file does not say itself."""

import json


def _merge(base, own):
    """`own` over `base`; objects are merged key by key, everything else is replaced; null takes a key away."""
    result = dict(base)
    for key, value in own.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merge(result[key], value)
        else:
            result[key] = value
    return result


def load(path):
    """The configuration in a file, its bases merged in."""
    try:
        own = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: {error}") from error
    base = own.pop("base", None)
    return _merge(load(path.parent / base), own) if base else own

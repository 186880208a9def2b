"""The example's types are those of openapi.json, as far as can be told without Node."""

import re
from hashlib import sha256

from tests import ROOT


def test_types_of_the_example_are_of_this_document() -> None:
    types = (ROOT / "examples/nextjs/lib/api-types.ts").read_text()
    found = re.match(r"// sha256 of openapi\.json: ([0-9a-f]{64})\n", types)
    advice = "lib/api-types.ts is stale: cd examples/nextjs && npm ci && npm run types"
    assert found, advice
    assert found[1] == sha256((ROOT / "openapi.json").read_bytes()).hexdigest(), advice

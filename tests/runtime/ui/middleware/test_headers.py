"""Headers of every response, of the UI or of a refusal."""

import pytest
from support.attacks import Counter
from support.served import HTML, Client

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "target", ["/", "/draw", "/login", "/graphql", "/server_info", "/runs", "/logs/a/b/out", "/notebook", "/../"]
)
@pytest.mark.parametrize("has_session", [True, False])
def test_no_response_can_be_framed_sniffed_or_shared(
    target: str, has_session: bool, guarded: Client, attacks: Counter
) -> None:
    with attacks():
        headers = guarded.send("GET", target, {"Accept": HTML} | ({} if has_session else {"Cookie": None})).headers
        assert headers.get_all("X-Frame-Options") == ["DENY"]
        assert headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert headers.get_all("Referrer-Policy") == ["same-origin"]
        assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] in ("no-store", "private")


def test_the_policy_of_the_ui_for_its_scripts_stays_in_force(guarded: Client) -> None:
    policy = guarded.send("GET", "/", {"Accept": HTML}).headers["Content-Security-Policy"]
    assert "script-src 'nonce-" in policy
    assert "object-src 'none'" in policy

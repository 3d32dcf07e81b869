"""A browser walks the dashboard: every page and act, desktop and phone, light and dark, with and
without JavaScript; axe looks for what shuts people out."""

import os
import pathlib
import re
import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

from client import chat, post  # noqa: E402
from harness import Demo, Installation, wait_until  # noqa: E402

CHROMIUM = shutil.which("chromium")
SHOTS = os.environ.get("FAREBOX_SCREENSHOTS")
PAGES = ["/", "/accounts", "/accounts/team", "/accounts/team/usage",
         "/accounts/team/invoices", "/accounts/team/calls", "/invoices", "/prices", "/operations",
         "/audit"]


@pytest.fixture(scope="module")
def farebox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboard")
    demo = Demo(folder)
    installation = Installation(folder)
    installation.configure_demo(demo.url)
    installation.prepare()
    installation.run("account", "create", "evil", "--name", "<script>alert(1)</script>")
    secret = installation.account("team", "5")
    installation.start()
    for _ in range(3):
        assert post(installation.url, "/v1/chat/completions", secret, chat()).status == 200
    yield installation
    installation.end()
    demo.end()


@pytest.fixture(scope="module")
def admin(farebox):
    log = (farebox.folder / "farebox.log").read_text()
    return re.search(r"metrics on (http://127\.0\.0\.1:\d+)", log).group(1)


@pytest.fixture(scope="module")
def token(farebox):
    return farebox.json("token", "create", "--role", "operator")["secret"]


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def sign_in(page, admin, token):
    page.goto(f"{admin}/sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{admin}/")


def shoot(page, name):
    if SHOTS:
        pathlib.Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_every_page_is_whole_and_accessible(browser, admin, token, device, scheme, scripts):
    width = 1280 if device == "desktop" else 375
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme,
        java_script_enabled=scripts)
    page = context.new_page()
    broken = []
    page.on("console", lambda line: broken.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: broken.append(str(error)))
    sign_in(page, admin, token)
    for path in PAGES:
        answer = page.goto(f"{admin}{path}")
        assert answer.status == 200, path
        assert len(answer.body()) < 150 * 1024
        shoot(page, f"{path.strip('/').replace('/', '-') or 'overview'}-{device}-{scheme}"
                    f"{'' if scripts else '-plain'}")
        if scripts:
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{path} is wider than the screen"
            found = axe.Axe().run(page).response["violations"]
            serious = [v for v in found if v["impact"] in ("serious", "critical")]
            assert not serious, f"{path}: {serious}"
    assert not broken
    context.close()


def test_keys_and_credit_are_made_and_ended_without_scripts(browser, farebox, admin, token):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)
    page.goto(f"{admin}/accounts/team")
    page.get_by_label("Name").fill("by hand")
    page.get_by_role("button", name="Make key").click()
    secret = page.locator("code.secret").inner_text()
    assert secret.startswith("sk-fb-")
    farebox.await_key(secret)
    page.goto(f"{admin}/accounts/team")
    assert secret not in page.content()
    page.get_by_label("Amount").fill("12.50")
    page.get_by_role("button", name="Grant").click()
    assert any(grant["amount"] == "12.50"
               for grant in farebox.json("credit", "list", "team")["grants"])
    page.get_by_role("row", name="by hand").get_by_role("button", name="Revoke").click()
    wait_until(lambda: any(key["name"] == "by hand" and key["revoked_at"]
                           for key in farebox.json("key", "list", "team")), what="the key's end")
    context.close()
    farebox.verify()


def test_a_key_is_rotated_and_the_secret_before_goes_on(browser, farebox, admin, token):
    before = farebox.json("key", "create", "team", "--name", "turning")["secret"]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)
    page.goto(f"{admin}/accounts/team")
    page.get_by_role("row", name="turning").get_by_role("button", name="Rotate").click()
    after = page.locator("code.secret").inner_text()
    assert after != before
    farebox.await_key(after)
    for secret in (before, after):
        assert post(farebox.url, "/v1/chat/completions", secret, chat()).status == 200
    context.close()


def test_a_call_is_explained(browser, farebox, admin, token):
    secret = farebox.json("key", "create", "team")["secret"]
    farebox.await_key(secret)
    call = post(farebox.url, "/v1/chat/completions", secret, chat()).fields["x-request-id"]
    farebox.settled("team")
    charge = farebox.json("explain", call)["charge"]
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, admin, token)
    page.goto(f"{admin}/accounts/team")
    page.get_by_label("Call").fill(call)
    page.get_by_role("button", name="Explain").click()
    assert page.locator("h1").inner_text() == call
    assert page.locator("dd").first.inner_text() == charge
    assert page.get_by_role("row", name="output").count() == 1
    assert page.goto(f"{admin}/accounts/evil/calls/{call}").status == 404
    context.close()


def test_a_name_that_is_markup_stays_text(browser, admin, token):
    context = browser.new_context()
    page = context.new_page()
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    sign_in(page, admin, token)
    page.goto(f"{admin}/accounts/evil")
    assert page.locator("h1").inner_text() == "<script>alert(1)</script>"
    assert not dialogs
    context.close()


def test_a_form_without_its_token_changes_nothing(browser, farebox, admin, token):
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, admin, token)
    before = farebox.json("key", "list", "team")
    answer = context.request.post(f"{admin}/accounts/team/keys", form={"name": "forged"})
    assert answer.status == 403
    assert farebox.json("key", "list", "team") == before
    context.close()


def test_a_session_ends_with_its_token(browser, farebox, admin):
    made = farebox.json("token", "create", "--role", "account", "--account", "team")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{admin}/sign-in")
    page.get_by_label("Token").fill(made["secret"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{admin}/accounts/team")
    assert page.goto(f"{admin}/accounts/evil").status == 404
    assert page.goto(f"{admin}/audit").status == 403
    farebox.run("token", "revoke", made["id"])
    page.goto(f"{admin}/accounts/team")
    assert page.url.endswith("/sign-in")
    context.close()

"""A browser walks the dashboard: every page and act, desktop and phone, light and dark, with and
without JavaScript; axe looks for what shuts people out."""

import json
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
PAGES = ["/", "/calls", "/accounts", "/accounts/team", "/accounts/team/usage",
         "/accounts/team/invoices", "/accounts/team/calls", "/accounts/team/alerts",
         "/accounts/team/top-ups", "/invoices", "/prices", "/prices/1", "/prices/1/preview",
         "/models?model=demo-small", "/webhooks", "/operations", "/audit"]


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
        name = re.sub("[^a-z0-9]+", "-", path).strip("-") or "overview"
        shoot(page, f"{name}-{device}-{scheme}"
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


def test_a_webhook_is_made_and_an_alert_followed_without_scripts(browser, farebox, admin, token):
    farebox.account("told", "3")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)
    page.goto(f"{admin}/webhooks")
    page.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    page.get_by_label("Of one account only").fill("told")
    page.get_by_label("It may be inside of our networks").check()
    page.get_by_label("balance.low").check()
    page.get_by_role("button", name="Make endpoint").click()
    assert page.locator("code.secret").inner_text().startswith("whsec_")
    endpoint = next(hook for hook in farebox.json("webhook", "list") if hook["account"] == "told")
    assert endpoint["kinds"] == ["balance.low"] and endpoint["private"]
    page.goto(f"{admin}/accounts/told/alerts")
    page.get_by_label("Less left than").fill("7.50")
    page.get_by_label("Lasting less than").fill("7")
    page.get_by_role("button", name="Set").click()
    shown = farebox.json("alert", "show", "told")
    assert (shown["low_balance"], shown["runway_days"]) == ("7.50", 7)
    page.get_by_role("table").get_by_role("link").first.click()
    assert page.locator("h1").inner_text() == "balance.low"
    assert '"threshold": "7.5"' in page.locator("pre").inner_text()
    page.get_by_role("button", name="Send it again").click()
    page.goto(f"{admin}/webhooks/{endpoint['id']}")
    shoot(page, "webhook-desktop-light-plain")
    page.get_by_role("button", name="Rotate secret").click()
    assert page.locator("code.secret").inner_text().startswith("whsec_")
    page.get_by_role("link", name="The endpoint").click()
    page.get_by_role("button", name="Disable").click()
    assert farebox.json("webhook", "list")[-1]["state"] == "disabled"
    page.get_by_role("button", name="Delete").click()
    assert page.url == f"{admin}/webhooks"
    assert not [hook for hook in farebox.json("webhook", "list") if hook["account"] == "told"]
    context.close()


def test_prices_are_compared_published_and_planned_without_scripts(
        browser, farebox, admin, token, tmp_path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)

    def compare(price):
        file = tmp_path / "prices.json"
        file.write_text(json.dumps({"format": "farebox-prices/1", "currency": "NOK", "models": {
            "m": {"input": price, "output": price}}}, indent=1))
        page.goto(f"{admin}/prices")
        page.get_by_label("Price file").set_input_files(file)
        page.get_by_role("button", name="Compare").click()

    compare("1")
    before = farebox.json("price", "list")
    assert "not published yet" in page.locator("h1").inner_text()
    page.get_by_role("button", name="Publish for good").click()
    made = farebox.json("price", "list")[-1]
    assert len(farebox.json("price", "list")) == len(before) + 1 and made["currency"] == "NOK"
    assert page.url == f"{admin}/prices/{made['version']}"
    compare("5000")
    shoot(page, "prices-compare-desktop-light-plain")
    assert "5000" in page.get_by_role("row", name="input").inner_text()
    page.get_by_role("button", name="Publish for good").click()
    assert "factor of 1000" in page.locator(".notice").inner_text()
    compare("5000")
    page.get_by_label("It is meant as it is").check()
    page.get_by_role("button", name="Publish for good").click()
    assert farebox.json("price", "list")[-1]["version"] == made["version"] + 1
    compare("5000")
    assert page.locator("h1").inner_text() == "Nothing to import"
    page.goto(f"{admin}/prices")
    page.get_by_label("Name").fill("silver")
    page.get_by_label("Percent").fill("-5")
    page.get_by_role("button", name="Make plan").click()
    page.get_by_label("Models").fill("demo-*")
    page.get_by_label("Percent").fill("-20")
    page.get_by_label("Only show what would change").check()
    page.get_by_role("button", name="Set").click()
    assert page.get_by_role("row", name="demo-small input").count() == 1
    page.get_by_role("link", name="The plan").click()
    page.get_by_label("Models").fill("demo-*")
    page.get_by_label("Percent").fill("-20")
    page.get_by_role("button", name="Set").click()
    assert farebox.json("plan", "list")[-1]["adjustments"] == {"*": "-5%", "demo-*": "-20%"}
    page.goto(f"{admin}/accounts/evil")
    page.get_by_label("Plan").select_option("silver")
    page.get_by_role("button", name="Pay by it").click()
    assert farebox.json("account", "show", "evil")["plan"] == "silver"
    context.close()


def test_operations_say_what_is_well_and_do_not_release_what_lives(browser, farebox, admin, token):
    farebox.verify()
    (instance,) = farebox.json("instance", "list")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)
    page.goto(f"{admin}/operations")
    assert page.get_by_role("row", name="chat openai closed").count() == 1
    assert page.get_by_role("row", name="ledger").get_by_role("cell").last.inner_text() == "0"
    page.get_by_role("link", name=instance["label"]).click()
    if page.get_by_role("button", name="Close its leases").count():
        page.get_by_role("button", name="Close its leases").click()
        assert "it is alive" in page.locator(".notice").inner_text()
    assert farebox.json("instance", "list")[0]["state"] == "live"
    context.close()


def test_live_calls_are_looked_at_again_only_when_that_is_wanted(browser, admin, token):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)
    for path in ["/calls", "/accounts/team/calls"]:
        assert "refresh" not in page.goto(f"{admin}{path}").headers
        with page.expect_response(lambda answer: "refresh=on" in answer.url) as found:
            page.get_by_role("link", name="Look again every 5 seconds").click()
        assert found.value.headers["refresh"] == "5"
        page.get_by_role("link", name="Stop that").click()
        assert page.url == f"{admin}{path}"
    context.close()


def test_usage_is_explored_without_scripts(browser, farebox, admin, token):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)
    page.goto(f"{admin}/accounts/team/usage")
    page.locator("select[name=by]").select_option("model")
    page.locator("select[name=then]").select_option("upstream")
    page.locator("select[name=project]").select_option("default")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_role("row", name="demo-small chat").count() == 1
    with page.expect_download() as kept:
        page.get_by_role("link", name="As CSV").click()
    lines = pathlib.Path(kept.value.path()).read_text().splitlines()
    assert lines[0].startswith("model,upstream,calls") and lines[1].startswith("demo-small,chat,")
    page.locator("input[name=upstream]").fill("nobody")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_text("Nothing was used in this time.").count() == 1
    page.goto(f"{admin}/accounts")
    page.get_by_label("Search").fill("TEAM")
    page.get_by_role("button", name="Search").click()
    assert page.get_by_role("link", name="team").count() == 1
    assert page.get_by_role("link", name="evil").count() == 0
    context.close()


def test_an_account_is_suspended_and_lent_to_without_scripts(browser, farebox, admin, token):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin, token)
    page.goto(f"{admin}/accounts/evil")
    page.get_by_label("Credit limit").fill("20")
    page.get_by_role("button", name="Set limit").click()
    assert farebox.json("account", "show", "evil")["credit_limit"] == "20.00"
    page.get_by_role("button", name="Suspend").click()
    assert "no call is admitted" in page.locator(".notice").inner_text()
    page.get_by_role("button", name="Resume").click()
    assert farebox.json("account", "show", "evil")["status"] == "active"
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

import HTTPServer
import Ledger
import Schema
import Testing

@testable import Console

@Suite struct HTMLTests {
    private static let attack = "\"><script>alert('1')</script>&"
    private static let harmless =
        "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;"

    @Test func `text is escaped wherever it enters`() {
        let page: HTML = "<a title=\"\(Self.attack)\">\(Self.attack)</a>"
        #expect(page.text == "<a title=\"\(Self.harmless)\">\(Self.harmless)</a>")
    }

    @Test func `markup that is interpolated is escaped once and not twice`() {
        let inner: HTML = "<b>\("<")</b>"
        let none: HTML? = nil
        #expect(
            ("<p>\(inner)\([inner])\(none)\(7)</p>" as HTML).text
                == "<p><b>&lt;</b><b>&lt;</b>7</p>"
        )
    }

    @Test func `tables, forms and titles escape what they are given`() {
        var table = HTMLTable(Self.attack, .text(Self.attack), .number("n"))
        table.rows = [["\(Self.attack)", "1"]]
        let form = HTMLForm(
            action: Self.attack,
            csrf: Self.attack,
            button: Self.attack,
            fields: [
                HTMLForm.text("name", Self.attack, value: Self.attack, hint: Self.attack),
                HTMLForm.choice("of", "Of", [(Self.attack, Self.attack)]),
            ]
        )
        let layout = Layout(caller: nil, csrf: "", place: "", hasCharts: true)
        let page = layout.page(Self.attack, table.html + form.html)
        #expect(!page.contains("<script>"))
        #expect(page.contains(Self.harmless))
    }

    @Test func `no page has anything inline, and the policy allows nothing inline`() {
        let caller = Caller(role: .operator, actor: "Ada")
        let page = Layout(caller: caller, csrf: "c", place: "", hasCharts: true).page("A", "b")
        #expect(!page.contains("style=") && !page.contains("onclick") && !page.contains("<style"))
        #expect(!SafeFields.policy.contains("unsafe"))
        #expect(SafeFields.policy.hasPrefix("default-src 'none'"))
    }
}

@Suite struct SessionCookieTests {
    @Test func `a cookie comes back as it went, and scripts and other sites cannot use it`() throws
    {
        let cookie = SessionCookie.make()
        let field = cookie.setting(seconds: 60, isSecure: true)
        let pair = try #require(field.split(separator: ";").first)
        #expect(SessionCookie(field: "a=b; \(pair); c=d") == cookie)
        for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Secure", "Max-Age=60"] {
            #expect(field.contains(part))
        }
    }

    @Test(
        arguments: [nil, "", "farebox_session=", "farebox_session=zz", "farebox_session=abcd"]
            as [String?]
    )
    func `what is no cookie of ours is none`(field: String?) {
        #expect(SessionCookie(field: field) == nil)
    }

    @Test func `a form of another session is refused`() {
        let (mine, other) = (SessionCookie.make(), SessionCookie.make())
        #expect(mine.accepts(csrf: mine.csrf))
        #expect(!mine.accepts(csrf: other.csrf))
        #expect(!mine.accepts(csrf: nil))
        #expect(!mine.accepts(csrf: ""))
    }
}

@Suite struct DashboardRouteTests {
    @Test func `a team token sees its account only, over every page`() {
        let team = Caller(role: .account, account: "team", actor: "Ada")
        for route in Dashboard.routes {
            let named = route.pattern.text.contains("{account}")
            let other = route.access.verdict(for: team, account: named ? "other" : nil)
            #expect(other == (named ? .unseen : .forbidden), "\(route.pattern.text)")
        }
    }

    @Test func `whatever changes something asks for more than looking`() {
        let reading: Set<Access> = [.look, .takeUsage, .keepBooks]
        for route in Dashboard.routes {
            #expect((route.method == .get) == reading.contains(route.access), "\(route.name)")
        }
    }
}

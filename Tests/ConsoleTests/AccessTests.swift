import Ledger
import Testing

@testable import Console

@Suite struct AccessTests {
    @Test func `a team token sees its account only, over every route`() {
        let team = Caller(role: .account, account: "team", actor: "Ada")
        for route in AdminAPI.routes {
            let named = route.pattern.text.contains("{account}")
            let other = route.access.verdict(for: team, account: named ? "other" : nil)
            #expect(other == (named ? .unseen : .forbidden), "\(route.pattern.text)")
            if named {
                let own = route.access.verdict(for: team, account: "team")
                let isOwn =
                    route.name == "topup start"
                    || route.method == .get && route.access != .keepBooks
                #expect(own == (isOwn ? .allowed : .forbidden), "\(route.pattern.text)")
            }
        }
    }

    @Test func `a viewer changes nothing, over every route`() {
        let viewer = Caller(role: .viewer, actor: "Ada")
        for route in AdminAPI.routes where route.method != .get {
            #expect(route.access.verdict(for: viewer, account: "any") == .forbidden)
        }
    }

    @Test func `finance moves money and makes nothing else`() {
        let finance = Caller(role: .finance, actor: "Ada")
        let allowed = AdminAPI.routes.filter { route in
            route.method != .get && route.access.verdict(for: finance, account: "any") == .allowed
        }
        #expect(
            allowed.map(\.name).sorted() == [
                "account limit", "credit adjust", "credit grant", "credit void", "invoice close",
                "invoice close of an account", "invoice credit", "invoice paid", "topup start",
            ]
        )
    }

    @Test func `an operator may do everything`() {
        for access in Access.allCases {
            #expect(access.verdict(for: .environment, account: "any") == .allowed)
            #expect(access.verdict(for: .loopback, account: nil) == .allowed)
        }
    }

    @Test func `no two operations share a method and a path or a name`() {
        let places = AdminAPI.routes.map { "\($0.method.rawValue) \($0.pattern.text)" }
        #expect(Set(places).count == places.count)
        #expect(Set(AdminAPI.routes.map(\.name)).count == places.count)
    }
}

import Ledger

/// Who is asking, and as what.
struct Caller: Hashable, Sendable {
    let role: AdminRole
    /// The slug of the one account that the role `account` sees.
    let account: String?
    /// For the audit trail.
    let actor: String
    let token: AdminTokenID?

    init(role: AdminRole, account: String? = nil, actor: String, token: AdminTokenID? = nil) {
        (self.role, self.account, self.actor, self.token) = (role, account, actor, token)
    }

    init(_ token: AdminToken) {
        self.init(
            role: token.role,
            account: token.account,
            actor: "token \(token.prefix)" + (token.name.isEmpty ? "" : " (\(token.name))"),
            token: token.id
        )
    }

    /// Whoever has the token of the environment.
    static let environment = Caller(role: .operator, actor: "the token FAREBOX_ADMIN_TOKEN")
    /// Whoever is on this machine, while there is no token.
    static let loopback = Caller(role: .operator, actor: "this machine, without a token")
}

import Ledger

/// What a route lets be done, and so who may use it: the one place where roles are compared.
enum Access: Hashable, CaseIterable, Sendable {
    /// Looking, at one account or at all.
    case look
    /// Taking a month's costs and usage away as a file, of one account or of all.
    case takeUsage
    /// Taking the general ledger away, which is the operator's own.
    case keepBooks
    /// Paying for credit: also for the account whose credit it becomes.
    case buy
    /// Granting, voiding and correcting credit.
    case moveMoney
    /// Making and changing anything else.
    case operate

    /// What becomes of a request.
    enum Verdict: Hashable, Sendable {
        case allowed
        /// The role does not do this.
        case forbidden
        /// The account is another's: it is told apart from one that does not exist by nobody.
        case unseen
    }

    /// - Parameter account: the slug that the path names; nil when it names none.
    func verdict(for caller: Caller, account: String?) -> Verdict {
        switch caller.role {
        case .operator: .allowed
        case .finance: self == .operate ? .forbidden : .allowed
        case .viewer: self == .look ? .allowed : .forbidden
        case .account:
            if let account, account != caller.account {
                .unseen
            } else {
                (self == .look || self == .takeUsage || self == .buy) && account != nil
                    ? .allowed : .forbidden
            }
        }
    }
}

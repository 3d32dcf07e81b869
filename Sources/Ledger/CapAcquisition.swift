import Schema

/// Decides what an acquire gets of an account and its caps, need by need, first come first served.
struct CapAcquisition {
    /// What the account gives for all needs together.
    private(set) var granted = Pico.zero
    /// What the caps give.
    private(set) var caps: [CapDay: Pico] = [:]

    private var free: Pico
    private let figures: [CapInstant: CapFigures]
    /// What each scope has given for any day: its month and its total have less by so much.
    private var given: [CapScope: Pico] = [:]

    /// - Parameter free: what the account has left.
    init(free: Pico, figures: [CapInstant: CapFigures]) {
        self.free = free
        self.figures = figures
    }

    /// Gives each part between the least and the wanted, or when one has too little, nothing.
    mutating func add(_ need: CappedNeed) throws(LedgerError) {
        guard need.isValid else { throw LedgerError(.invalid, "a need of impossible bounds") }
        var fits = need.least <= free
        for part in need.parts {
            let cap = try figures(of: part, in: need)
            fits = fits && part.least <= left(of: cap)
        }
        guard fits else { return }
        let fromAccount = min(need.want, free)
        free -= fromAccount
        granted += fromAccount
        for part in need.parts {
            let cap = try figures(of: part, in: need)
            let amount = min(part.want, left(of: cap))
            given[part.scope, default: .zero] += amount
            caps[CapDay(scope: part.scope, startsAt: cap.dayStartsAt), default: .zero] += amount
        }
    }

    private func left(of cap: CapFigures) -> Pico {
        (cap.free - (given[cap.scope] ?? .zero)).clampedToZero
    }

    private func figures(
        of part: CappedNeed.Part,
        in need: CappedNeed
    ) throws(LedgerError) -> CapFigures {
        guard let cap = figures[CapInstant(scope: part.scope, at: need.at)] else {
            throw LedgerError(.invalid, "no cap is set on the \(part.scope.kind)")
        }
        return cap
    }
}

extension CapFigures {
    /// The figures after a lease has been given more.
    package func adding(_ granted: Pico) -> CapFigures {
        CapFigures(
            scope: scope,
            dayStartsAt: dayStartsAt,
            dayEndsAt: dayEndsAt,
            monthStartsAt: monthStartsAt,
            windows: windows.map { window in
                Window(
                    period: window.period,
                    limit: window.limit,
                    spent: window.spent,
                    escrowed: window.escrowed + granted
                )
            }
        )
    }

    package var day: CapDay { CapDay(scope: scope, startsAt: dayStartsAt) }
}

import Schema

/// A day of a cap: what leases of caps are told apart by.
package struct CapDay: Hashable, Sendable {
    package let scope: CapScope
    package let startsAt: Instant

    package init(scope: CapScope, startsAt: Instant) {
        self.scope = scope
        self.startsAt = startsAt
    }
}

/// What calls under the same caps need: from the account and from each cap, or from none of them.
///
/// So a key that is spent sets nothing aside of its account and of its project.
package struct CappedNeed: Hashable, Sendable {
    package struct Part: Hashable, Sendable {
        package let scope: CapScope
        /// At least `least`; zero where the instance has enough already.
        package var want: Pico
        /// Less than this is of no use.
        package var least: Pico

        package init(scope: CapScope, want: Pico, least: Pico) {
            self.scope = scope
            self.want = want
            self.least = least
        }
    }

    /// An instant of admission, which decides the windows.
    package let at: Instant
    /// From the account, as in a part.
    package var want: Pico
    package var least: Pico
    package var parts: [Part]

    package init(at: Instant, want: Pico, least: Pico, parts: [Part]) {
        self.at = at
        self.want = want
        self.least = least
        self.parts = parts
    }

    var isValid: Bool {
        let pairs = [(want, least)] + parts.map { ($0.want, $0.least) }
        return pairs.allSatisfy { want, least in
            least >= .zero && want >= least && want <= .balanceMax
        }
    }
}

/// What an acquire added to what a lease has set aside of a cap.
package struct CapGrant: Hashable, Sendable {
    /// Zero when it was refused.
    package let granted: Pico
    /// The cap after the operation; after a repeat, as it is now.
    package let figures: CapFigures

    package init(granted: Pico, figures: CapFigures) {
        self.granted = granted
        self.figures = figures
    }
}

/// A part of what a lease has set aside of a cap, going back.
package struct CapReturn: Hashable, Sendable {
    package let day: CapDay
    package let amount: Pico

    package init(day: CapDay, amount: Pico) {
        self.day = day
        self.amount = amount
    }
}

/// What a lease has left of a day of a cap.
package struct CapRemainder: Hashable, Sendable {
    package let day: CapDay
    package let amount: Pico

    package init(day: CapDay, amount: Pico) {
        self.day = day
        self.amount = amount
    }
}

/// The window of a cap that a call did not fit into.
package struct CapShortage: Hashable, Sendable {
    package let scope: CapScope
    package let window: CapFigures.Window

    package init(scope: CapScope, window: CapFigures.Window) {
        self.scope = scope
        self.window = window
    }

    /// As refusals name it: `key_cap_day`.
    package var name: String { "\(scope.kind)_cap_\(window.period.rawValue)" }
}

extension ReclaimRequest {
    package var capInstants: [CapInstant] {
        caps.map { CapInstant(scope: $0.day.scope, at: $0.day.startsAt) }
    }
}

extension AcquireRequest {
    /// Whether it asks for nothing but what calls under caps need.
    var isForCappedOnly: Bool { want == .zero && !capped.isEmpty }

    /// Every cap that it asks for, with the instant that decides its windows.
    package var capInstants: [CapInstant] {
        var seen: Set<CapInstant> = []
        return capped.flatMap { need in
            need.parts.map { CapInstant(scope: $0.scope, at: need.at) }
        }.filter { seen.insert($0).inserted }
    }
}

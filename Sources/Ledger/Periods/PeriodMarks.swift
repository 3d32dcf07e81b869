import Schema

extension PeriodStore {
    /// What documents rest on in a stream.
    package enum Mark {
        /// A month was closed; `open` has what fell to it until then.
        case closed(PeriodClosed, open: PeriodFold)
        /// The rounding of a document was booked.
        case rounded(InvoiceRounding, version: Int64)
        /// A part of a grant went back or ended.
        case withdrawn(GrantWithdrawal)
    }
}

extension PeriodStore.Mark {
    /// Nil for an event that no document rests on; `fold` has what is open until then.
    init?(_ event: PeriodEntry, _ fold: PeriodFold) {
        switch event.effect {
        case .closed(let closed): self = .closed(closed, open: fold)
        case .rounded(let rounding): self = .rounded(rounding, version: event.entry.version)
        case .ended(let grant), .chargedBack(let grant, _):
            self = .withdrawn(GrantWithdrawal(event, grant))
        case .nothing, .adjusted: return nil
        }
    }
}

/// What went back of a grant, or ended with it, by one event.
package struct GrantWithdrawal: Hashable, Sendable {
    package let grant: GrantID
    package let occurredAt: Instant
    package let kind: EventKind
    package let amount: Pico

    package init(grant: GrantID, occurredAt: Instant, kind: EventKind, amount: Pico) {
        (self.grant, self.occurredAt, self.kind, self.amount) = (grant, occurredAt, kind, amount)
    }

    fileprivate init(_ event: PeriodEntry, _ grant: GrantID) {
        self.init(
            grant: grant,
            occurredAt: event.entry.occurredAt,
            kind: event.kind,
            amount: -event.amount
        )
    }
}

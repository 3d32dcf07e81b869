import Schema

/// What became of an event that was to be appended.
package enum AppendOutcome: Hashable, Sendable {
    /// It is in the stream: its version, its effect on the balance, and the operator's loss.
    case appended(version: Int64, amount: Pico, excess: Pico)
    /// It is in the stream, at no charge: its month was closed too long ago. All of its price is
    /// the operator's loss.
    case late(version: Int64, excess: Pico)
    /// It was in the stream already, with the same content; nothing changed.
    case duplicate
    /// It is set aside, whole and durable, for a person to look at; its account goes on.
    case parked(ParkReason)
}

extension AppendOutcome {
    /// Where the append has put it in the stream; nil when it did not.
    package var version: Int64? {
        switch self {
        case .appended(let version, _, _), .late(let version, _): version
        case .duplicate, .parked: nil
        }
    }
}

/// Why an event is set aside.
package enum ParkReason: String, CaseIterable, Sendable {
    /// Its id is in the stream with other content.
    case contentChanged = "content_changed"
    /// It claims to have happened more than a day from now.
    case aheadOfClock = "ahead_of_clock"
    /// Its account does not exist.
    case unknownAccount = "unknown_account"
    /// A field is out of its bounds.
    case malformed
    /// The database refuses it.
    case refusedByDatabase = "refused_by_database"
}

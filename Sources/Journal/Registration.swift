/// What the journal remembers of its instance's registrations in PostgreSQL.
///
/// A registration compares the nonce that PostgreSQL holds with one that this journal knows, and
/// sets a fresh one. The fresh one is written here first, so a crash or a lost answer on either
/// side of the compare-and-set leaves a journal that knows whichever nonce PostgreSQL has. A copy
/// of the journal does not know the nonces that the original set since, and is refused. Some
/// confirmed nonces are kept as well, so that an instance is not locked out by a standby or a
/// backup that lost its last registration.
package struct Registration: Hashable, Sendable {
    /// The epoch of the last confirmed registration; nil before the first.
    package let epoch: Int64?
    /// What PostgreSQL may hold, likeliest first; nil, the last, stands for no registration at all:
    /// a standby or a backup may have lost even the first.
    package let expectedNonces: [RegistrationNonce?]
}

/// The registrations that a journal keeps, oldest first: a value, saved as a whole.
package struct RegistrationHistory: Hashable, Sendable {
    /// How many nonces are kept, besides the last confirmed one.
    package static let noncesMax = 32

    /// A nonce that was about to be set, and the epoch that it began when it was.
    package struct Record: Hashable, Sendable {
        package let nonce: RegistrationNonce
        package fileprivate(set) var epoch: Int64?

        init(nonce: RegistrationNonce, epoch: Int64?) {
            self.nonce = nonce
            self.epoch = epoch
        }
    }

    package private(set) var records: [Record]

    package init() { records = [] }

    init(records: [Record]) { self.records = records }

    /// What may be expected of PostgreSQL now.
    package var registration: Registration {
        let epoch = records.last { $0.epoch != nil }?.epoch
        let nonces: [RegistrationNonce?] = records.reversed().map(\.nonce)
        return Registration(epoch: epoch, expectedNonces: nonces + [nil])
    }

    /// Adds a nonce that is about to be set; the last confirmed one is never dropped.
    package mutating func add(_ nonce: RegistrationNonce) {
        records.append(Record(nonce: nonce, epoch: nil))
        let kept = records.count - Self.noncesMax
        guard kept > 0 else { return }
        let confirmed = records.lastIndex { $0.epoch != nil }
        records = records.indices.filter { $0 >= kept || $0 == confirmed }.map { records[$0] }
    }

    /// Records that PostgreSQL took a nonce; `notEntered` when it was never added.
    package mutating func confirm(
        _ nonce: RegistrationNonce,
        epoch: Int64
    ) throws(JournalError) {
        guard let index = records.lastIndex(where: { $0.nonce == nonce }) else {
            throw JournalError(.notEntered, "nonce")
        }
        records[index].epoch = epoch
    }
}

extension JournalStore {
    /// The registrations that the file keeps.
    func registrations() throws(JournalError) -> RegistrationHistory {
        var records: [RegistrationHistory.Record] = []
        try connection.prepare("SELECT nonce, epoch FROM registrations ORDER BY sequence")
            .run { row in
                guard let nonce: RegistrationNonce = row.id(0) else { return }
                let epoch = row.isNull(1) ? nil : row.integer(1)
                records.append(RegistrationHistory.Record(nonce: nonce, epoch: epoch))
            }
        return RegistrationHistory(records: records)
    }

    /// Changes the registrations, in a transaction that outlives a power failure whatever the
    /// journal's own setting is: PostgreSQL must never know a nonce that its journal forgot.
    func changeRegistrations(
        sync: JournalSync,
        _ change: (inout RegistrationHistory) throws(JournalError) -> Void
    ) throws(JournalError) {
        var history = try registrations()
        try change(&history)
        try connection.execute("PRAGMA synchronous = FULL")
        defer { try? connection.execute("PRAGMA synchronous = \(sync.rawValue)") }
        try transaction { () throws(JournalError) in try replaceRegistrations(history) }
    }

    private func replaceRegistrations(_ history: RegistrationHistory) throws(JournalError) {
        try connection.prepare("DELETE FROM registrations").run()
        let insert = try connection.prepare(
            "INSERT INTO registrations (sequence, nonce) VALUES (?1, ?2)"
        )
        let confirm = try connection.prepare(
            "UPDATE registrations SET epoch = ?2 WHERE sequence = ?1"
        )
        for (sequence, record) in history.records.enumerated() {
            try insert.run(key: Int64(sequence), id: record.nonce)
            if let epoch = record.epoch { try confirm.run(Int64(sequence), epoch) }
        }
    }
}

/// What the journal remembers of its instance's registrations in PostgreSQL.
///
/// A registration compares the nonce that PostgreSQL holds with one that this journal knows, and
/// sets a fresh one. The fresh one is written here first, so a crash or a lost answer on either
/// side of the compare-and-set leaves a journal that knows whichever nonce PostgreSQL has. A copy
/// of the journal does not know the nonces that the original set since, and is refused. Some
/// confirmed nonces are kept as well, so that an instance is not locked out by a standby or a
/// backup that lost its last registration.
package struct Registration: Hashable, Sendable {
    /// How many nonces are kept.
    static let noncesMax = 32

    /// The epoch of the last confirmed registration; nil before the first.
    package let epoch: Int64?
    /// What PostgreSQL may hold, likeliest first; nil stands for no registration at all.
    package let expectedNonces: [RegistrationNonce?]
}

extension JournalStore {
    /// What may be expected of PostgreSQL now.
    func registration() throws(JournalError) -> Registration {
        var epoch: Int64?
        var nonces: [RegistrationNonce?] = []
        try connection.prepare("SELECT nonce, epoch FROM registrations ORDER BY sequence DESC")
            .run { row in
                nonces.append(row.id(0))
                if epoch == nil, !row.isNull(1) { epoch = row.integer(1) }
            }
        if epoch == nil { nonces.append(nil) }
        return Registration(epoch: epoch, expectedNonces: nonces)
    }

    /// Adds a nonce that is about to be set; the last confirmed one is never dropped.
    func addNonce(_ nonce: RegistrationNonce) throws(JournalError) {
        var last: Int64 = 0
        try connection.prepare("SELECT coalesce(max(sequence), 0) FROM registrations")
            .run { last = $0.integer(0) }
        try connection.prepare("INSERT INTO registrations (sequence, nonce) VALUES (?1, ?2)")
            .run(key: last + 1, id: nonce)
        try connection.prepare(
            """
            DELETE FROM registrations WHERE sequence <= ?1 AND sequence NOT IN (
                SELECT max(sequence) FROM registrations WHERE epoch IS NOT NULL)
            """
        ).run(last + 1 - Int64(Registration.noncesMax))
    }

    /// Records that PostgreSQL took a nonce.
    func confirm(_ nonce: RegistrationNonce, epoch: Int64) throws(JournalError) {
        try connection.prepare("UPDATE registrations SET epoch = ?1 WHERE nonce = ?2")
            .run(key: epoch, id: nonce)
        guard connection.changeCount > 0 else { throw JournalError(.notEntered, "nonce") }
    }

    /// Runs a transaction that outlives a power failure whatever the journal's own setting is:
    /// PostgreSQL must never know a nonce that its journal forgot.
    func durableTransaction(
        sync: JournalSync,
        _ body: () throws(JournalError) -> Void
    ) throws(JournalError) {
        try connection.execute("PRAGMA synchronous = FULL")
        defer { try? connection.execute("PRAGMA synchronous = \(sync.rawValue)") }
        try transaction(body)
    }
}

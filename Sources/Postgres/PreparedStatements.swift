import Synchronization

/// The statements that a connection has prepared, by their text.
struct PreparedStatements {
    /// Statements beyond these are run without being prepared: texts are few, or something is wrong.
    static let countMax = 100

    private var names: [String: String] = [:]

    func name(of text: String) -> String? { names[text] }

    /// The name under which a statement is to be prepared; nil when there are too many.
    func freshName() -> String? {
        names.count < Self.countMax ? "farebox_\(names.count)" : nil
    }

    mutating func add(_ text: String, name: String) {
        names[text] = name
    }
}

/// Whether the connections of a pool may prepare statements.
///
/// Prepared statements are state of a session. Behind a pooler that changes sessions between
/// transactions and does not know of them, the server says that it has no such statement, or has
/// it already: then nothing is prepared any more, and the transaction is to be run again.
final class PreparePermission: Sendable {
    private let isWithdrawn = Atomic(false)

    var isGiven: Bool { !isWithdrawn.load(ordering: .relaxed) }

    func withdraw() {
        isWithdrawn.store(true, ordering: .relaxed)
    }
}

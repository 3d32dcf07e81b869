import Postgres
import Schema
import Synchronization

/// Price versions that were read once: they never change.
package final class PriceMemory: Sendable {
    private let held = Mutex<[Int64: PriceEdition]>([:])

    package init() {}

    /// The editions of these versions, without those that do not exist.
    func editions(
        _ versions: Set<Int64>,
        _ session: Session
    ) throws -> [Int64: PriceEdition] {
        let known = held.withLock(\.self)
        let missing = versions.subtracting(known.keys)
        guard !missing.isEmpty else { return known }
        var read: [Int64: PriceEdition] = [:]
        for header in try PriceRows.headers(session) where missing.contains(header.version.number) {
            let models = try PriceRows.models(session, header.version)
            read[header.version.number] = PriceEdition(header, models: models)
        }
        return held.withLock { held in
            held.merge(read) { present, _ in present }
            return held
        }
    }
}

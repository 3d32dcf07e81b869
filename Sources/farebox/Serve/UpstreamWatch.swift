import Ingress
import Ledger
import Schema

/// Decides from how the circuits are what is to be told: that an upstream went down, and that it
/// is back, each once.
struct UpstreamWatch {
    struct Change: Hashable {
        let upstream: String
        let isDown: Bool
    }

    private var down: Set<String> = []

    /// Takes in how the circuits are now.
    ///
    /// One that is half open is neither down anew nor back.
    mutating func look(_ circuits: [(name: String, state: UpstreamStatus.Circuit)]) -> [Change] {
        // What is configured no more is neither.
        down.formIntersection(circuits.map(\.name))
        return circuits.compactMap { name, state in
            switch state {
            case .open where down.insert(name).inserted: Change(upstream: name, isDown: true)
            case .closed where down.remove(name) != nil: Change(upstream: name, isDown: false)
            default: nil
            }
        }
    }
}

extension UpstreamWatch.Change {
    /// - Parameter instance: the label of the one that has seen it; others see for themselves.
    func alert(of instance: String, at now: Instant) -> Alert {
        Alert(
            isDown ? .upstreamDown : .upstreamUp,
            of: nil,
            at: now,
            data: [("upstream", .text(upstream)), ("instance", .text(instance))]
        )
    }
}

import Ledger
import Schema

/// A row of `projection_checkpoints`, and what its build has made of the stream up to there.
package struct ModelProjection: Hashable, Sendable {
    package var version: Int64 = 0
    /// Of the usage that was taken in.
    package internal(set) var calls: Int64 = 0
    package internal(set) var charged = Pico.zero
    /// Since when the event behind `version` is known to be one that cannot be taken in.
    package internal(set) var stoppedAt: Instant?
}

extension ModelDatabase {
    /// How long a stopped stream rests before it is tried again.
    private static let stoppedSeconds: Int64 = 300

    /// What a batch of a projection came to.
    package enum Projected: Sendable {
        /// Where its streams stand now.
        case moved([AccountID: Int64])
        case failed(ProjectionFailure)
    }

    /// `ProjectionFollower.sweep`.
    package func streamsBehind() -> [ProjectionTarget] {
        let rested = now.adding(seconds: -Self.stoppedSeconds)
        return accounts.sorted { $0.key < $1.key }.compactMap { id, account in
            let missing = account.head.version - account.projection.version
            guard missing > 0, account.projection.stoppedAt.map({ $0 <= rested }) ?? true else {
                return nil
            }
            return ProjectionTarget(account: id, through: account.head.version, count: missing)
        }
    }

    /// `ProjectionBatch.run`; `poison` is an event that cannot be taken in.
    package mutating func project(
        _ targets: [ProjectionTarget],
        streamMax: Int64,
        refusing poison: (account: AccountID, version: Int64)?
    ) -> Projected {
        let after = targets.map { ($0.account, accounts[$0.account]?.projection.version ?? 0) }
        var moved: [AccountID: ModelProjection] = [:]
        for target in targets {
            guard let account = accounts[target.account] else { continue }
            var row = account.projection
            let first = row.version
            row.version += min(max(target.through - first, 0), streamMax)
            if row.version > account.head.version {
                return .failed(.lostTail(target.account, through: account.head.version))
            }
            if let poison, poison.account == target.account,
                (first + 1..<row.version + 1).contains(poison.version)
            {
                let stood = Dictionary(after, uniquingKeysWith: max)
                return .failed(.poison("it cannot be taken in", after: stood))
            }
            if row.version > first { row.stoppedAt = nil }
            for recorded in account.stream[Int(first)..<Int(row.version)] {
                guard case .usage = recorded.event.body else { continue }
                row.calls += 1
                row.charged -= recorded.amount
            }
            moved[target.account] = row
        }
        for (account, row) in moved { accounts[account]?.projection = row }
        return .moved(moved.mapValues(\.version))
    }

    /// `ProjectionFollower.stop`.
    package mutating func stopStream(_ account: AccountID) {
        accounts[account]?.projection.stoppedAt = now
    }

    /// Puts a checkpoint where no transaction would: for the simulator's mutations alone.
    package mutating func tamperProjection(_ account: AccountID, version: Int64) {
        accounts[account]?.projection.version = version
    }
}

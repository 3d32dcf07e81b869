import Billing
import Journal
import Ledger
import Schema

/// An account's figures by its slug, read from PostgreSQL.
package typealias AccountFigures = @Sendable (String) async throws -> HeadSummary

/// The figures of the caps among scopes of an account, at an instant, read from PostgreSQL.
package typealias CapReader =
    @Sendable ([CapScope], AccountID, Instant) async throws -> [CapFigures]

/// What all loops of an instance share.
///
/// A value that never changes: a new configuration makes another one, and calls that run keep
/// theirs to their end.
package final class GatewayServices: Sendable {
    package let configuration: GatewayConfiguration
    let board: UpstreamBoard
    /// The upstreams of this configuration.
    let upstreams: UpstreamTable
    package let vocabularies: Vocabularies
    package let snapshots: SnapshotKeeper
    package let desk: AdmissionDesk
    package let settlement: Settlement
    package let escrow: Escrow
    package let limiter: RateLimiter
    package let accounts: AccountFigures
    package let caps: CapReader
    package let usage: KeyUsage
    package let keyed: KeyedCalls
    package let readiness: InstanceReadiness
    package let metrics: GatewayMetrics
    package let log: Log
    /// Dates requests and events.
    package let now: @Sendable () -> Instant

    package init(
        configuration: GatewayConfiguration,
        board: UpstreamBoard,
        vocabularies: Vocabularies,
        snapshots: SnapshotKeeper,
        desk: AdmissionDesk,
        settlement: Settlement,
        escrow: Escrow,
        limiter: RateLimiter,
        accounts: @escaping AccountFigures,
        caps: @escaping CapReader,
        usage: KeyUsage,
        keyed: KeyedCalls,
        readiness: InstanceReadiness,
        metrics: GatewayMetrics,
        log: Log,
        now: @escaping @Sendable () -> Instant
    ) {
        self.configuration = configuration
        self.board = board
        upstreams = board.adopt(configuration.upstreams)
        self.vocabularies = vocabularies
        self.snapshots = snapshots
        self.desk = desk
        self.settlement = settlement
        self.escrow = escrow
        self.limiter = limiter
        self.accounts = accounts
        self.caps = caps
        self.usage = usage
        self.keyed = keyed
        self.readiness = readiness
        self.metrics = metrics
        self.log = log
        self.now = now
    }
    /// The same with another configuration.
    package func reconfigured(
        _ configuration: GatewayConfiguration,
        _ vocabularies: Vocabularies
    ) -> GatewayServices {
        GatewayServices(
            configuration: configuration,
            board: board,
            vocabularies: vocabularies,
            snapshots: snapshots,
            desk: desk,
            settlement: settlement,
            escrow: escrow,
            limiter: limiter,
            accounts: accounts,
            caps: caps,
            usage: usage,
            keyed: keyed,
            readiness: readiness,
            metrics: metrics,
            log: log,
            now: now
        )
    }
}

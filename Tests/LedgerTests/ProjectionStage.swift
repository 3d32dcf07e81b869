import LedgerModel
import Postgres
import Schema
import Testing

@testable import Ledger

extension LedgerFixture {
    /// The live build of a projection.
    func liveBuild(_ projection: Projection) async throws -> ProjectionBuild {
        try await service.read { session in
            try #require(
                try ProjectionBuild.all(of: projection, session).first { $0.state == .live }
            )
        }
    }

    /// Follows the live builds until there is nothing to do.
    func follow(
        _ projections: [Projection] = Projection.allCases,
        limits: ProjectionPlan.Limits = ProjectionPlan.Limits()
    ) async throws {
        for projection in projections {
            var follower = ProjectionFollower(
                try await liveBuild(projection),
                service,
                limits: limits
            )
            #expect(try await follower.catchUp())
        }
    }

    /// Expects every projection to be, byte for byte, what the events make it.
    func expectProjectionsEqual(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        for projection in Projection.allCases {
            let comparison = try await ProjectionRebuild(projection, service).check()
            #expect(
                comparison.differences == [],
                "\(projection)",
                sourceLocation: sourceLocation
            )
        }
    }

    /// How many events a projection lacks.
    func eventsBehind() async throws -> [Int64] {
        try await ProjectionStatus.read(service).map(\.eventsBehind)
    }
}

/// Usage that differs in whatever a projection tells apart.
struct VariedUsage {
    private var generator = SeededGenerator(seed: 20_261_125)
    private let keys = (0..<3).map { KeyID(high: 1, low: $0) }
    private let projects = (0..<2).map { ProjectID(high: 1, low: $0) }

    /// Events of accounts, settled in the weeks around a month's end.
    mutating func events(_ count: Int, of accounts: [AccountID]) -> [Event] {
        (0..<count).map { _ in
            let account = accounts[generator.below(accounts.count)]
            let minutes = Int64(generator.below(60 * 24 * 40))
            let instant = Instant(microseconds: 1_792_000_000_000_000)
                .adding(seconds: -minutes * 60 - Int64(generator.below(60)))
            let charge = Pico(Int128(generator.below(1_000_000)))
            return .usage(charge: charge, of: account, at: instant) { vary(&$0) }
        }
    }

    private mutating func vary(_ usage: inout Usage) {
        usage.key = keys[generator.below(3)]
        usage.project = projects[generator.below(2)]
        usage.model = ["gpt-5.4-mini", "claude", "model, \"quoted\""][generator.below(3)]
        usage.upstream = ["openai", "anthropic"][generator.below(2)]
        usage.priceVersion = PriceVersion(Int64(1 + generator.below(2)))
        usage.serviceTier = ServiceTier.allCases[generator.below(4)]
        usage.contextTier = ContextTier(threshold: generator.below(2) == 0 ? 0 : 200_000)
        for tokenClass in TokenClass.allCases {
            usage.tokens[tokenClass] = Int64(generator.below(5_000))
        }
        usage.webSearches = Int64(generator.below(3))
        usage.outcome = UsageOutcome.allCases[generator.below(UsageOutcome.allCases.count)]
        usage.latencyMilliseconds = Int64(1 << generator.below(20))
        usage.firstByteMilliseconds = generator.below(4) == 0 ? nil : 7
        usage.upstreamCost = generator.below(3) == 0 ? nil : Pico(Int128(generator.below(1_000)))
    }
}

extension SeededGenerator {
    fileprivate mutating func below(_ bound: Int) -> Int { .random(in: 0..<bound, using: &self) }
}

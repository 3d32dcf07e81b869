import Billing
import Ingress
import Ledger
import Postgres
import Schema
import Shapes

/// Answers what keys ask about their own usage.
///
/// Over two connections that nothing else uses, each question within a time limit: however many
/// ask, and however much they ask for, admission and shipping do not notice.
struct KeyQuestions: Sendable {
    private static let connectionsMax = 2
    private static let queueLengthMax = 64
    private static let timeLimit = Duration.seconds(5)

    private let database: Database

    /// - Parameter configuration: of the database, but for what bounds the questions.
    init(_ configuration: DatabaseConfiguration) {
        var configuration = configuration
        configuration.applicationName = "farebox usage"
        configuration.connectionsMax = Self.connectionsMax
        configuration.queueLengthMax = Self.queueLengthMax
        configuration.queueTimeout = Self.timeLimit
        database = Database(configuration)
    }

    var usage: KeyUsage {
        let database = database
        return KeyUsage(
            report: { asker, span in
                try await EventStore(database).usageReport(
                    asker.account,
                    from: span.from,
                    to: span.to,
                    by: span.dimensions,
                    of: UsageFilter(key: asker.key),
                    timeLimit: Self.timeLimit
                ).node(asker.currency).line
            },
            explain: { asker, request in
                try await CallExplanation.read(
                    request,
                    account: asker.account,
                    key: asker.key,
                    timeLimit: Self.timeLimit,
                    in: database
                )?.node.line
            }
        )
    }

    func close() async {
        await database.close()
    }
}

import Ledger
import Schema
import Shapes

/// `farebox topup …`: what accounts have bought, and what became of it.
enum TopUpCommands {
    static let all = [
        Command(
            words: ["topup", "list"],
            summary: "show the credit that an account bought or is about to, the newest first",
            arguments: ["ACCOUNT"],
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["topup", "show"],
            summary: "show one of them, and its payment",
            arguments: ["ID"],
            options: [.database, .json],
            run: show
        ),
    ]

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let topUps = try await TopUps(database).list(invocation.argument(0))
            return CommandResult(
                text: table(topUps),
                json: .array(topUps.map { JSONNode.topUp($0) })
            )
        }
    }

    private static func show(_ invocation: Invocation) async throws -> CommandResult {
        guard let id = TopUpID(invocation.argument(0)) else {
            throw UsageError("ID must be a top-up's, as farebox topup list shows it")
        }
        return try await CommandDatabase.with(invocation) { database in
            let topUp = try await TopUps(database).show(id)
            return CommandResult(text: table([topUp]), json: .topUp(topUp))
        }
    }

    private static func table(_ topUps: [TopUp]) -> String {
        var table = Table(
            .left("ID"),
            .left("ACCOUNT"),
            .left("STATUS"),
            .right("CREDIT"),
            .right("TAX"),
            .right("REFUNDED"),
            .right("DISPUTED"),
            .right("REFUND FAILED"),
            .left("OPENED"),
            .left("PAID"),
            .left("PAYMENT")
        )
        table.rows = topUps.map { topUp in
            let amounts = [
                topUp.amount, topUp.tax, topUp.refunded, topUp.disputed, topUp.refundFailed,
            ].map { $0.decimal(fractionDigitsMin: topUp.currency.exponent) }
            return [topUp.id.description, topUp.slug, topUp.status.rawValue] + amounts
                + [
                    topUp.openedAt.description, topUp.paidAt?.description ?? "",
                    topUp.payment ?? "",
                ]
        }
        return table.text
    }
}

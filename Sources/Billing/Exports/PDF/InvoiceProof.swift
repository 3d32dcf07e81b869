import Digest
import Documents
import Schema

/// What an outsider needs to check the document: its hash, its events and their last seal.
struct InvoiceProof {
    private typealias Typography = InvoiceTypography

    private let invoice: InvoiceDocument
    private let hash: SHA256Digest

    init(_ invoice: InvoiceDocument, hash: SHA256Digest) {
        self.invoice = invoice
        self.hash = hash
    }

    var blocks: [Block] {
        let table = Table(
            columns: [.init(.fit), .init(.share(1))],
            head: [],
            rows: facts.map { name, value in
                .init([.init(name, Typography.small), .init(value, Typography.small)])
            },
            columnGap: Typography.columnGap,
            rowPadding: .tenths(10)
        )
        return [
            .gap(.points(26)),
            .together([
                Typography.text("PROOF", Typography.label), .gap(.points(3)), .table(table),
            ]),
        ]
    }

    private var facts: [(String, String)] {
        var facts: [(String, String)] = []
        if let period = invoice.period {
            let version = PrintedText.count(period.closingVersion)
            facts.append(
                ("Calls", "\(PrintedText.count(invoice.events)), up to version \(version)")
            )
        }
        // Each seal holds the hash of the one before, so that the last stands for all.
        if let seal = invoice.seals.last {
            let versions =
                "\(PrintedText.count(seal.firstVersion)) to "
                + PrintedText.count(seal.lastVersion)
            facts.append(("Seal", "\(seal.sha256), versions \(versions)"))
        }
        facts.append(("SHA-256", "\(hash.hexadecimal), of this document's JSON"))
        return facts
    }
}

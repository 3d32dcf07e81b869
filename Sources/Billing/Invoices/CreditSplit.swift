import Schema

/// A part of what an invoice has left, parted into its net and its tax as the rest is.
///
/// Each note parts what is left, so after the last one exactly nothing is. A unit that cannot be
/// parted goes to the one that lost most by rounding, and of equals to the tax: then no tax is
/// ever left without a net behind it.
struct CreditSplit: Hashable {
    let net: MinorUnits
    let tax: MinorUnits

    /// Nil unless the amount is above zero and at most what is left.
    init?(_ amount: MinorUnits, ofNet net: MinorUnits, tax: MinorUnits) {
        let left = Int128(net.count + tax.count)
        guard amount > .zero, Int128(amount.count) <= left, net >= .zero, tax >= .zero else {
            return nil
        }
        let (netPart, netRest) = (Int128(net.count) * Int128(amount.count))
            .quotientAndRemainder(dividingBy: left)
        let (taxPart, taxRest) = (Int128(tax.count) * Int128(amount.count))
            .quotientAndRemainder(dividingBy: left)
        let missing = Int128(amount.count) - netPart - taxPart
        let isForTax = missing > 0 && taxRest >= netRest
        self.net = MinorUnits(Int64(netPart + (isForTax ? 0 : missing)))
        self.tax = MinorUnits(Int64(taxPart + (isForTax ? missing : 0)))
    }
}

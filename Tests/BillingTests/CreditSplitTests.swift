import Testing

@testable import Billing

@Suite struct CreditSplitTests {
    @Test func `a whole credit takes exactly the net and the tax`() {
        let split = CreditSplit(MinorUnits(1_190), ofNet: MinorUnits(1_000), tax: MinorUnits(190))
        #expect(split?.net == MinorUnits(1_000))
        #expect(split?.tax == MinorUnits(190))
    }

    @Test func `one cent above what is left is refused`() {
        let (net, tax) = (MinorUnits(1_000), MinorUnits(190))
        #expect(CreditSplit(MinorUnits(1_191), ofNet: net, tax: tax) == nil)
        #expect(CreditSplit(MinorUnits(0), ofNet: net, tax: tax) == nil)
        #expect(CreditSplit(MinorUnits(1), ofNet: .zero, tax: .zero) == nil)
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `however a total is credited, its parts sum to it and no tax is left alone`(seed: UInt64) {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func next(_ count: Int64) -> Int64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(state >> 33) % count
        }
        var net = next(50) + 1
        var tax = next(net + 1)
        while net + tax > 0 {
            let amount = next(net + tax) + 1
            guard
                let split = CreditSplit(
                    MinorUnits(amount),
                    ofNet: MinorUnits(net),
                    tax: MinorUnits(tax)
                )
            else {
                Issue.record("\(amount) of \(net) and \(tax) is refused")
                return
            }
            #expect(split.net.count + split.tax.count == amount)
            #expect((0...net).contains(split.net.count))
            #expect((0...tax).contains(split.tax.count))
            net -= split.net.count
            tax -= split.tax.count
            #expect(tax <= net)
        }
    }
}

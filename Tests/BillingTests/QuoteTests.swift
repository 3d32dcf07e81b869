import Schema
import Testing

@testable import Billing

@Suite struct QuoteTests {
    private let simple = BillingFixtures.terms(
        [PriceKey(.input): 10, PriceKey(.output): 100],
        outputTokensMax: 1_000
    )

    @Test func `the hold is the prompt at its price and the cap at the output price`() throws {
        let quote = try Quote(
            QuoteRequest(inputTokensBound: 7, outputTokensAsked: 50),
            terms: simple
        )
        #expect(quote.hold(outputCap: 50) == Pico(7 * 10 + 50 * 100))
    }

    @Test func `without a cap of the client's the model's limit is held`() throws {
        let quote = try Quote(QuoteRequest(inputTokensBound: 0), terms: simple)
        #expect(quote.outputCap == 1_000)
        #expect(quote.hold(outputCap: quote.outputCap) == Pico(100_000))
    }

    @Test func `a cap above the model's limit is held only up to it`() throws {
        let request = QuoteRequest(inputTokensBound: 0, outputTokensAsked: .max)
        #expect(try Quote(request, terms: simple).outputCap == 1_000)
    }

    @Test func `each of n choices may use the whole cap, the prompt is paid once`() throws {
        var request = QuoteRequest(inputTokensBound: 7, outputTokensAsked: 50)
        request.choices = 3
        #expect(try Quote(request, terms: simple).hold(outputCap: 50) == Pico(70 + 3 * 5_000))
    }

    @Test func `a cache write that could happen is held at its price`() throws {
        var terms = simple
        terms.tokenPrices[PriceKey(.cacheWriteShort)] = Pico(13)
        var request = QuoteRequest(inputTokensBound: 100, outputTokensAsked: 0)
        #expect(try Quote(request, terms: terms).hold(outputCap: 0) == Pico(1_300))
        request.cacheWrites = .long
        #expect(try Quote(request, terms: terms).hold(outputCap: 0) == Pico(2_000))
        request.cacheWrites = .none
        #expect(try Quote(request, terms: terms).hold(outputCap: 0) == Pico(1_000))
    }

    @Test func `images and sound are held at their prices only when they are there`() throws {
        var terms = simple
        terms.tokenPrices[PriceKey(.audioInput)] = Pico(40)
        terms.tokenPrices[PriceKey(.imageInput)] = Pico(20)
        terms.tokenPrices[PriceKey(.audioOutput)] = Pico(900)
        var request = QuoteRequest(inputTokensBound: 1, outputTokensAsked: 1)
        #expect(try Quote(request, terms: terms).hold(outputCap: 1) == Pico(110))
        request.hasImages = true
        #expect(try Quote(request, terms: terms).hold(outputCap: 1) == Pico(120))
        request.hasAudio = true
        request.wantsAudio = true
        #expect(try Quote(request, terms: terms).hold(outputCap: 1) == Pico(940))
    }

    @Test func `the dearest tier that could serve decides`() throws {
        var terms = simple
        terms.tokenPrices[PriceKey(.output, .priority)] = Pico(250)
        terms.tokenPrices[PriceKey(.output, .flex)] = Pico(50)
        var request = QuoteRequest(inputTokensBound: 0, outputTokensAsked: 1)
        request.ask(for: .priority)
        #expect(try Quote(request, terms: terms).hold(outputCap: 1) == Pico(250))
        request.ask(for: .flex)
        #expect(try Quote(request, terms: terms).hold(outputCap: 1) == Pico(100))
        request.serviceTiers = [.flex]
        #expect(try Quote(request, terms: terms).hold(outputCap: 1) == Pico(50))
    }

    @Test(arguments: [(200_000, 2_000_000), (200_001, 4_000_020)])
    func `a long-context price is held when the bound can reach it`(
        bound: Int64,
        hold: Int
    ) throws {
        var terms = simple
        terms.tokenPrices[PriceKey(.input, .standard, ContextTier(threshold: 200_000))] = Pico(20)
        let quote = try Quote(
            QuoteRequest(inputTokensBound: bound, outputTokensAsked: 0),
            terms: terms
        )
        #expect(quote.hold(outputCap: 0) == Pico(Int128(hold)))
    }

    @Test func `a long prompt that gets cheaper still holds the shorter prompt's cost`() throws {
        var terms = simple
        terms.tokenPrices[PriceKey(.input, .standard, ContextTier(threshold: 1_000))] = Pico(1)
        let quote = try Quote(
            QuoteRequest(inputTokensBound: 1_001, outputTokensAsked: 0),
            terms: terms
        )
        #expect(quote.hold(outputCap: 0) == Pico(10_000))
    }

    @Test func `the bound of the prompt never exceeds the context window`() throws {
        var terms = simple
        terms.inputTokensMax = 500
        var request = QuoteRequest(inputTokensBound: .max, outputTokensAsked: 0)
        #expect(try Quote(request, terms: terms).inputTokens == 500)
        request.contextTokensMax = 400
        #expect(try Quote(request, terms: terms).hold(outputCap: 0) == Pico(4_000))
    }

    @Test func `fees are held for every search that may happen`() throws {
        var terms = simple
        terms.fees = [.request: Pico(5), .webSearch: Pico(1_000)]
        var request = QuoteRequest(inputTokensBound: 0, outputTokensAsked: 0)
        request.webSearchesMax = 4
        #expect(try Quote(request, terms: terms).hold(outputCap: 0) == Pico(4_005))
    }

    @Test func `a model priced at zero holds nothing`() throws {
        let free = BillingFixtures.terms([PriceKey(.input): 0, PriceKey(.output): 0])
        let quote = try Quote(
            QuoteRequest(inputTokensBound: 1_000, outputTokensAsked: 1_000),
            terms: free
        )
        #expect(quote.hold(outputCap: 1_000) == .zero)
        #expect(quote.affordableCap(.zero) == 1_000)
    }

    // MARK: Refusals

    @Test func `an answer that nothing limits is refused`() {
        let terms = BillingFixtures.terms([PriceKey(.input): 1, PriceKey(.output): 1])
        #expect(throws: QuoteRefusal.noOutputLimit(model: "m")) {
            try Quote(QuoteRequest(inputTokensBound: 1), terms: terms)
        }
    }

    @Test(arguments: [Int64.max, -1, 1_000_000_001])
    func `an absurd count is refused and never traps`(count: Int64) {
        let terms = BillingFixtures.terms([
            PriceKey(.input): PriceTerms.priceMax.units,
            PriceKey(.output): PriceTerms.priceMax.units,
        ])
        let fields: [WritableKeyPath<QuoteRequest, Int64>] = [
            \.choices, \.webSearchesMax, \.outputTokensFloor, \.minimumOutputTokens,
            \.inputTokensBound,
        ]
        for field in fields {
            var request = QuoteRequest(inputTokensBound: 1, outputTokensAsked: 1)
            request[keyPath: field] = count
            #expect(throws: QuoteRefusal.self, "\(field)") { try Quote(request, terms: terms) }
        }
        #expect(throws: QuoteRefusal.self) {
            try Quote(QuoteRequest(inputTokensBound: 1, outputTokensAsked: count), terms: terms)
        }
    }

    @Test func `a bound beyond the largest charge is refused`() {
        let terms = BillingFixtures.terms([
            PriceKey(.input): 1, PriceKey(.output): PriceTerms.priceMax.units,
        ])
        #expect(throws: QuoteRefusal.beyondLargestCharge) {
            try Quote(QuoteRequest(inputTokensBound: 1, outputTokensAsked: 10_000), terms: terms)
        }
    }

    @Test func `no cap is below what the request makes no sense without`() throws {
        var request = QuoteRequest(inputTokensBound: 1, outputTokensAsked: 4_096)
        request.outputTokensFloor = 10_001
        request.outputTokensMax = 64_000
        #expect(throws: QuoteRefusal.capBelowFloor(cap: 4_096, floor: 10_001)) {
            try Quote(request, terms: simple)
        }
        request.outputTokensAsked = 20_000
        #expect(try Quote(request, terms: simple).outputCap == 20_000)
        request.outputTokensMax = 10_000
        #expect(throws: QuoteRefusal.capBelowFloor(cap: 10_000, floor: 10_001)) {
            try Quote(request, terms: simple)
        }
    }

    @Test(
        arguments: [
            // What a minute leaves beside a prompt of 100 tokens, and the caps without and with it.
            (400, nil, 300), (355, nil, nil), (355, 200, 200), (150, 50, 50), (130, 50, 50),
            (10, 50, 50),
        ] as [(Int64, Int64?, Int64?)]
    )
    func `a minute's limit lowers a cap only to what is of use`(
        limit: Int64,
        asked: Int64?,
        cap: Int64?
    ) {
        var request = QuoteRequest(inputTokensBound: 100, outputTokensAsked: asked)
        request.lowerCap(toFit: limit)
        #expect(request.outputTokensAsked == cap)
    }

    @Test func `a minute's limit is no way below a thinking budget`() {
        var request = QuoteRequest(inputTokensBound: 100, outputTokensAsked: 20_000)
        request.outputTokensFloor = 10_001
        request.lowerCap(toFit: 10_100)
        #expect(request.outputTokensAsked == 20_000)
        request.lowerCap(toFit: 10_101)
        #expect(request.outputTokensAsked == 10_001)
    }

    // MARK: Lowering the cap

    @Test(arguments: [
        (Int128(26_600), Int64(265)), (26_699, 265), (26_700, 266), (25_700, 256), (100_100, 1_000),
        (1_000_000, 1_000),
    ])
    func `the affordable cap is the largest that the money covers`(money: Int128, cap: Int64) throws
    {
        let quote = try Quote(QuoteRequest(inputTokensBound: 10), terms: simple)
        #expect(quote.affordableCap(Pico(money)) == cap)
    }

    @Test func `a cap is never lowered below the minimum, a thinking budget or the client's own`()
        throws
    {
        var request = QuoteRequest(inputTokensBound: 0)
        #expect(try Quote(request, terms: simple).affordableCap(Pico(25_599)) == nil)
        request.outputTokensFloor = 513
        #expect(try Quote(request, terms: simple).affordableCap(Pico(51_299)) == nil)
        #expect(try Quote(request, terms: simple).affordableCap(Pico(51_300)) == 513)
        (request.outputTokensAsked, request.outputTokensFloor) = (20, 20)
        #expect(try Quote(request, terms: simple).affordableCap(Pico(1_999)) == nil)
        #expect(try Quote(request, terms: simple).affordableCap(Pico(2_000)) == 20)
    }

    @Test func `a prompt that the money does not cover leaves no cap at all`() throws {
        let quote = try Quote(
            QuoteRequest(inputTokensBound: 100, outputTokensAsked: 0),
            terms: simple
        )
        #expect(quote.affordableCap(Pico(999)) == nil)
        #expect(quote.affordableCap(Pico(1_000)) == 0)
        #expect(quote.affordableCap(Pico(-5)) == nil)
    }
}

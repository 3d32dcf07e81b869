import Testing

@testable import farebox

@Suite struct AdminFaceTests {
    @Test(
        arguments: [
            (.zero, 0), (.microseconds(999_999), 999_999), (.milliseconds(1_000), 1_000_000),
            (.milliseconds(3_250), 3_250_000), (.nanoseconds(1_500), 1),
        ] as [(Duration, Int64)]
    )
    func `a turn of more than a second is not told by its fraction alone`(
        turn: Duration,
        microseconds: Int64
    ) {
        #expect(turn.microseconds == microseconds)
    }
}

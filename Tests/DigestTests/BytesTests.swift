import Testing

@testable import Digest

@Suite struct BytesTests {
    @Test func `hexadecimal text is written in lower case and read in either`() {
        #expect(Hex.encode([0x00, 0x0f, 0xa5, 0xff]) == "000fa5ff")
        #expect(Hex.decode("000Fa5fF") == [0x00, 0x0f, 0xa5, 0xff])
        #expect(Hex.decode("") == [])
    }

    @Test(arguments: ["0", "0g", " 00", "0x00", "é0", "００"])
    func `anything else is not hexadecimal`(text: String) {
        #expect(Hex.decode(text) == nil)
    }

    @Test func `every byte survives hexadecimal text`() {
        let bytes = Array(UInt8.min...UInt8.max)
        #expect(Hex.decode(Hex.encode(bytes)) == bytes)
    }

    @Test func `byte strings are equal when length and bytes are`() {
        #expect(ConstantTime.equal([UInt8](), [UInt8]()))
        #expect(ConstantTime.equal([1, 2, 3], [1, 2, 3][...]))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2, 4]))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2]))
        #expect(!ConstantTime.equal([UInt8](), [0]))
    }

    @Test func `random bytes have the count asked for and differ`() {
        #expect(SecureRandom.bytes(0).isEmpty)
        let drawn = Set((0..<100).map { _ in SecureRandom.bytes(16) })
        #expect(drawn.count == 100)
        #expect(drawn.allSatisfy { $0.count == 16 })
    }
}

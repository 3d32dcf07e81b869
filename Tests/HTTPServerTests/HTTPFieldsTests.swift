import HTTPServer
import Testing

@Suite struct HTTPFieldsTests {
    @Test func `Fields keep their order and are found by lower-case name`() {
        var fields: HTTPFields = ["X-One": "1", "two": " 2\t"]
        let isAdded = fields.append("x-one", "3")
        #expect(isAdded)
        #expect(fields["x-one"] == "1")
        #expect(fields["two"] == "2")
        #expect(fields["X-One"] == nil)
        #expect(fields["x"] == nil)
        #expect(fields.all(named: "x-one") == ["1", "3"])
        #expect(fields.map { "\($0.name): \($0.value)" } == ["x-one: 1", "two: 2", "x-one: 3"])
        fields.remove(named: "x-one")
        #expect(fields == ["two": "2"])
    }

    @Test(arguments: [
        ("", "a"), ("a b", "c"), ("a:", "b"), ("a\r\nb", "c"), ("é", "a"), ("a", "b\r\nc: d"),
        ("a", "b\nc"), ("a", "b\rc"), ("a", "\0"), ("a", "\u{7f}"), ("a", "b\r\n\r\n<html>"),
    ])
    func `What would forge a field or a response is not put in`(name: String, value: String) {
        var fields = HTTPFields()
        let isAdded = fields.append(name, value)
        #expect(!isAdded)
        #expect(fields.isEmpty)
    }

    @Test func `A description tells no value`() {
        let fields: HTTPFields = ["authorization": "Bearer secret"]
        #expect("\(fields)" == "authorization")
    }
}

@main
struct Farebox {
    static func main() async {}
}

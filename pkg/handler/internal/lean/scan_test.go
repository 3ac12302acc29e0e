package lean
import ("testing"
 "github.com/hookstrap/hookstrap/test/sample"
 "encoding/json"
 "fmt"
)
func BenchmarkSkip(b *testing.B){
 for _, n := range []int{8800,50000} {
 body, _ := sample.Review(n)
 b.Run(fmt.Sprint(n), func(b *testing.B){
 b.SetBytes(int64(len(body)))
 for b.Loop() { if skip(body,0) != len(body) { b.Fatal() } }
 })}
}
func FuzzSkip(f *testing.F) {
 f.Add([]byte(`{"a":[1,-2.5e+3,true,false,null,{},[],"x\u00e4\n"]}`))
 f.Fuzz(func(t *testing.T, data []byte){
  end := skip(data,0)
  valid := json.Valid(data)
  if ours := end != bad && space(data,end)==len(data); ours != valid { t.Fatalf("%q %v %v",data, ours, valid)}
 })
}

// Clusters batches of questions for a program on the other side of a pipe: benchmarks/peers/
// diversity.py, which times the same texts by nltk and scikit-learn, and the golden check.
//
//   cluster_lines [threads]
//
// In: a line with the number of texts, then one text a line; repeated. Out, a line for each batch:
// nanoseconds of wall clock, nanoseconds of processor time, the label of every text.
#include <visplay/cluster/agglomerative.hpp>
#include <visplay/text/bleu_distances.hpp>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace visplay;
  ThreadPool pool(argc > 1 ? std::atoi(argv[1]) : 1);
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<std::string> texts(std::stoul(line));
    for (std::string& text : texts) std::getline(std::cin, text);
    const std::vector<std::string_view> views(texts.begin(), texts.end());

    const std::clock_t processor = std::clock();
    const auto start = std::chrono::steady_clock::now();
    const BleuTexts counted(views);
    const std::vector<int> labels =
        Agglomerative{}(DistanceMatrix::of_rows(views.size(), BleuDistances(counted), pool));
    const std::chrono::nanoseconds wall = std::chrono::steady_clock::now() - start;
    std::cout << wall.count() << ' '
              << (std::clock() - processor) * (1'000'000'000 / CLOCKS_PER_SEC);
    for (const int label : labels) std::cout << ' ' << label;
    std::cout << std::endl;
  }
}

"Small models for tests that ask only which one they got back"
import json
from sklearn.dummy import DummyClassifier


def holds(value):
    "A fitted model whose one class is a value, as JSON"
    return DummyClassifier().fit([[0]], [json.dumps(value)])


def held(model):
    "The value of such a model"
    return json.loads(model.classes_[0])
